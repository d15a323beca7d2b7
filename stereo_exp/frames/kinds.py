"""What a name stands for, told without opening it."""

from __future__ import annotations

from pathlib import Path

VIDEO_SUFFIXES = frozenset((".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"))
IMAGE_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"))


def kind_of(view: str) -> str:
    """`camera` for a number, `video` by the file's ending, else `image or folder`."""
    if view.isdecimal() and not Path(view).exists():
        return "camera"
    if Path(view).suffix.lower() in VIDEO_SUFFIXES and not Path(view).is_dir():
        return "video"
    return "image or folder"
