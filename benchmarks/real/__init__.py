"""Shared by the benchmarks on real pairs: which pairs, which methods, how tables get into pages."""
