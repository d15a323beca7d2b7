"""Disparity over time: how steady it is, and a filter that steadies it. numpy and OpenCV only."""

from stereo_exp.temporal.filter import TemporalFilter
from stereo_exp.temporal.stability import Stability

__all__ = ["Stability", "TemporalFilter"]
