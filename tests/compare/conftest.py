from registry.conftest import home, other, registry, registry_kind

__all__ = ["home", "other", "registry", "registry_kind"]
