"""nginx that follows Services: sources of routes, the configuration, the reload."""
