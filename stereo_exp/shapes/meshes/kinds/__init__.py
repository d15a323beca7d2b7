"""Kinds of scenes made of meshes: a furnished room, a table close by, a crowd in the air, a garden."""
