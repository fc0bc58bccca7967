"""Commands that speak to registries."""
