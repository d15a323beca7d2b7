"""From what the user names to pairs."""

from __future__ import annotations

from pathlib import Path

from stereo_exp.errors import UserError
from stereo_exp.frames.cameras import CameraFrames
from stereo_exp.frames.files import FileFrames, list_views
from stereo_exp.frames.frame import Frames
from stereo_exp.frames.kinds import kind_of
from stereo_exp.frames.video import VideoFrames


def open_frames(left: str, right: str | None) -> Frames:
    """What `infer.left` and `infer.right` name.

    Args:
        left: an image, a folder or pattern of images, a video, or the number of a camera.
        right: the same kind of thing for the right view. None: `left` is a video whose frames hold both views side
            by side.

    Raises:
        UserError: the two are not of one kind, there is nothing there, or the numbers of images differ.
    """
    kinds = [kind_of(view) for view in (left, right) if view is not None]
    if len(set(kinds)) > 1:
        raise UserError("infer.right", right, f"is a {kinds[1]}, infer.left a {kinds[0]}", "give two of one kind")
    if kinds[0] == "camera":
        return CameraFrames(int(left), int(str(right)))
    if kinds[0] == "video":
        return VideoFrames(Path(left), None if right is None else Path(right))
    return FileFrames(list_views(left, "infer.left"), list_views(str(right), "infer.right"))
