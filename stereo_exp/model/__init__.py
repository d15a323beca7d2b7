"""The network: backbone -> neck -> volume -> aggregation and up-sampling -> read-out; checkpoints."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
