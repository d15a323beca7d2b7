"""Triangle meshes: what they are, things made of them, how they are lit and seen."""
