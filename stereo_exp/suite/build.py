"""Image sizes as users give them, and as the network takes them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import overload

from stereo_exp.config.rules import IMAGE_STEP
from stereo_exp.geometry.images import padded_size

log = logging.getLogger(__name__)


@overload
def network_size(key: str, size: Sequence[int]) -> tuple[int, int]: ...
@overload
def network_size(key: str, size: Sequence[int] | None) -> tuple[int, int] | None: ...
def network_size(key: str, size: Sequence[int] | None) -> tuple[int, int] | None:
    """The smallest size that the network takes and into which images of `size` fit: multiples of 32 px.

    Says in one line of the log where that is another one than was asked for; call it once for each key and run.

    Args:
        key: where the user set it, e.g. `compile.size`.
        size: height and width in px, positive (the schema refuses others); None, left open, stays None.
    """
    if size is None:
        return None
    height, width = size
    used = padded_size((height, width), IMAGE_STEP)
    if used != (height, width):
        why = f"the network takes multiples of {IMAGE_STEP} px, smaller images are padded"
        log.warning("%s=[%d,%d]: rounded up to [%d,%d]: %s", key, height, width, *used, why)
    return used
