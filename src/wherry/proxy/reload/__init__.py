"""The reload as a transaction: stage, validate, swap, signal, prove; set guilty routes aside."""
