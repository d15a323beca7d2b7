"""stereo_exp: a stereo-depth network from float training to bit-exact integers on the device."""

__version__ = "0.1.0"
