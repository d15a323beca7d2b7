"""What everything else stands on; imports nothing of ours."""

__version__ = "0.1.0"
