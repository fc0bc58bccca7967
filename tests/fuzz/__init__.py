"""Whatever bytes come from outside: a value or an error of wherry's own, soon and in bounded memory."""
