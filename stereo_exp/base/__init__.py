"""What every room stands on: errors told in one line, files written whole, progress, constants, the options' table."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
