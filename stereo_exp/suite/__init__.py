"""What makes a run of it all: config nodes become objects; tasks, stages, training, tracking, the run's folder."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
