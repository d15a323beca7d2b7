"""From what the user names to pairs: what a name stands for is told without opening it."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.base import ArgumentError
from stereo_exp.geometry.frames.bags import BagFrames, is_bag
from stereo_exp.geometry.frames.base import Frames
from stereo_exp.geometry.frames.files import FileFrames, list_views
from stereo_exp.geometry.frames.films import FilmFrames, check_layout
from stereo_exp.geometry.frames.live import open_devices, play_film

VIDEO_SUFFIXES = frozenset((".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"))
_SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt")


def kind_of(view: str) -> str:
    """`camera` for a number or a device's path, `stream` for a URL, `video` by the file's ending, `bag` of ROS, else
    `image or folder`."""
    if view.partition("://")[0].lower() in _SCHEMES and "://" in view:
        return "stream"
    path = Path(view)
    try:
        if view.isdecimal() and not path.exists():
            return "camera"
        if path.is_char_device():
            return "camera"
        if is_bag(path):
            return "bag"
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir():
            return "video"
    except (OSError, ValueError):
        pass  # a name too long for the file system: told where it is opened
    return "image or folder"


def open_frames(
    left: str,
    right: str | None,
    layout: str = "auto",
    topics: tuple[str, str] | None = None,
    paced: bool = False,
) -> Frames:
    """The pairs of what two names stand for.

    Args:
        left: an image, a folder or pattern of images, a video, a ROS 2 bag, the number or path of a camera, or a
            stream's URL.
        right: the same kind of thing for the right view. None: `left` is a bag, or a video, camera or stream whose
            pictures hold both views.
        layout: where they hold both: `side` by side, `top` (the left one) and bottom, or `auto`, which looks.
        topics: of a bag, the left and the right image topic.
        paced: films come at their own speed as from a camera: whoever is slower misses frames.

    Raises:
        UserError: the two are not of one kind or the same, there is nothing there, or no two names agree.
    """
    check_layout(layout)
    for argument, view in (("left", left), ("right", right)):
        if view is not None and not view.strip():
            raise ArgumentError(argument, "''", "is empty", "give {left} and {right} a file each, or leave both out")
        _check_length(argument, view)
    kinds = [kind_of(view) for view in (left, right) if view is not None]
    if len(set(kinds)) > 1:
        raise ArgumentError("right", right, f"is a {kinds[1]}, {{left}} a {kinds[0]}", "give two of one kind")
    if right is None and kinds[0] == "image or folder":
        raise ArgumentError("right", "None", "both views are needed", "add {right}=FILE")
    if right is not None and _is_same(left, right):
        rule = "is the left view, too: nothing could be told from it"
        raise ArgumentError("right", right, rule, "give the other camera's view as {right}")
    if kinds[0] == "bag":
        if right is not None:
            raise ArgumentError("right", right, "is a bag, which has both views", "leave {right} out, name {topics}")
        return BagFrames(Path(left), topics)
    if kinds[0] in ("camera", "stream"):
        return open_devices(left, right, layout)
    if kinds[0] == "video":
        film = FilmFrames(Path(left), None if right is None else Path(right), layout)
        return play_film(film) if paced else film
    return FileFrames(list_views(left, "left"), list_views(str(right), "right"))


def _check_length(argument: str, view: str | None) -> None:
    if view is not None and "://" not in view:
        try:
            Path(view).exists()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ArgumentError(argument, view, f"cannot be a file's name ({reason})", "give a shorter path") from None


def _is_same(left: str, right: str) -> bool:
    if left == right:
        return True
    first, second = Path(left), Path(right)
    return first.exists() and second.exists() and first.samefile(second)
