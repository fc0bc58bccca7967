"""What Python programs import: the interpreter of an image, its search path, and the modules on it."""
