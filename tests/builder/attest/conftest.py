from registry.conftest import fake, home, other, registry, registry_kind

__all__ = ["fake", "home", "other", "registry", "registry_kind"]
