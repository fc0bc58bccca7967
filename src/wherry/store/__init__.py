"""What is kept on disk: blobs, layers, names, cache records, containers' records, and their locks."""

from wherry.store.containerrecord import ContainerRecord
from wherry.store.images import ImageRecord
from wherry.store.layerrecord import LayerBlob, LayerInfo
from wherry.store.store import Store

__all__ = ["ContainerRecord", "ImageRecord", "LayerBlob", "LayerInfo", "Store"]
