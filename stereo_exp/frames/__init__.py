"""Pairs to infer on: files, folders, videos, cameras. numpy and OpenCV only."""
