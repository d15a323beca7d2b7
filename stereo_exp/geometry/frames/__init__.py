"""Pairs out of whatever there is: files, films, cameras, streams, bags of ROS."""

from stereo_exp.geometry.frames.bags import BagFrames
from stereo_exp.geometry.frames.base import Frames, LeftOut
from stereo_exp.geometry.frames.files import FileFrames
from stereo_exp.geometry.frames.films import LAYOUTS, FilmFrames
from stereo_exp.geometry.frames.live import LiveFrames, play_film
from stereo_exp.geometry.frames.opening import kind_of, open_frames

__all__ = [
    "LAYOUTS",
    "BagFrames",
    "FileFrames",
    "FilmFrames",
    "Frames",
    "LeftOut",
    "LiveFrames",
    "kind_of",
    "open_frames",
    "play_film",
]
