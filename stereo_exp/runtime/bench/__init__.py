"""Measuring compiled models; like the rest of the runtime, without torch."""
