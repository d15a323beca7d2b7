"""Runs side by side: what they have in common, what differs, and what came of it."""
