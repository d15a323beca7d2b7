"""What many rooms go by, said once: the version, and the sizes that networks of this family share."""

VERSION = "0.1.0"

STRIDE = 32
"""Px. The network halves its images five times: height and width are multiples of this. So is its disparity range,
which the coarsest cost volume divides by as much."""
CELL = 8
"""Px of the full image, both ways, that one pixel of the coarse disparity map stands for: what up-sampling repeats."""
USUAL_SIZE = (544, 960)
"""Height and width in px of SceneFlow's images, padded: what is counted, timed and aimed at where nobody says."""
MAX_SCALE = 8.0
"""The most that a pair may be enlarged by before a network sees it."""
