"""A set that never ends: shards made while they are read, each read a few times, then deleted."""
