"""Kinds of scenes made of meshes: a furnished room, a table close by, a crowd in the air, a garden."""

MESH_WEIGHTS: dict[str, float] = {"furnished": 3.0, "dense": 2.0, "tabletop": 3.0, "garden": 2.0}
"""Their names and usual shares. The name tells a kind from those of closed form, which have a table and a room too."""
