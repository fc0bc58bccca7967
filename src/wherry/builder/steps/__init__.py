"""One instruction each: what it reads, and what it makes."""
