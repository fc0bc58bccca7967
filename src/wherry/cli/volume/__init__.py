"""Commands about named volumes."""
