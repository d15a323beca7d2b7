"""Matching without learning: what a network has to be better than. numpy and OpenCV only."""
