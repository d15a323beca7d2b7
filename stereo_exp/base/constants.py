"""What many rooms go by, said once: the version, and the sizes that no network says for itself."""

VERSION = "0.1.0"

USUAL_SIZE = (544, 960)
"""Height and width in px of SceneFlow's images, padded: what is counted, timed and aimed at where nobody says."""
MAX_SCALE = 8.0
"""The most that a pair may be enlarged by before a network sees it."""
