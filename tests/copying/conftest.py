from registry.conftest import fake, home, other, registry

__all__ = ["fake", "home", "other", "registry"]
