"""Data sets, shards, the order of an epoch, the loader and augmentation: from files to batches of pairs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
