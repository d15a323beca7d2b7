"""Files of stereo data sets: one module for each format, bytes in, numpy out."""

from stereo_exp.geometry.formats.image import decode_rgb, encode_png, png_size, read_rgb
from stereo_exp.geometry.formats.pfm import decode_pfm, encode_pfm, read_pfm, write_pfm

__all__ = ["decode_pfm", "decode_rgb", "encode_pfm", "encode_png", "png_size", "read_pfm", "read_rgb", "write_pfm"]
