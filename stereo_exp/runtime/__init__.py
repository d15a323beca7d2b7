"""Running compiled models: numpy, OpenCV and the engine, neither torch nor Hydra."""
