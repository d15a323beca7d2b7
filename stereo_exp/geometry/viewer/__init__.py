"""A page to look around in: one HTML file that opens from disk, with every map, a legend each, and a cloud to turn."""

from stereo_exp.geometry.viewer.page import PAIR_BYTES, SEQUENCE_BYTES, Viewer

__all__ = ["PAIR_BYTES", "SEQUENCE_BYTES", "Viewer"]
