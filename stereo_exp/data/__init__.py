"""Data sets, shards, the order of an epoch, the loader and augmentation: from files to batches of pairs."""
