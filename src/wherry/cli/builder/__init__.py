"""Commands about builds and their cache."""
