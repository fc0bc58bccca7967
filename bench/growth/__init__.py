"""How the cost of wherry's commands grows with what they are given: ``python -m bench.growth``."""
