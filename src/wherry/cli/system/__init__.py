"""Commands about wherry itself, its store and this machine."""
