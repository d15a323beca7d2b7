"""What this machine's processor can do exactly with 8-bit integers."""

from __future__ import annotations

import logging
import platform
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)
_CPUINFO = Path("/proc/cpuinfo")
# Any of these sums four products of bytes into 32 bits. Older x86 instructions sum two into 16 bits, and saturate:
# 2 · 255 · 127 does not fit.
_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8"}
_X86 = {"x86_64", "amd64", "i386", "i686"}


@cache
def sums_bytes_exactly() -> bool:
    """Whether engines' fast integer kernels are exact here; where it cannot be known, they are taken not to be."""
    if platform.machine().lower() not in _X86:
        return True
    try:
        flags = next(line for line in _CPUINFO.read_text().splitlines() if line.startswith("flags")).split()
    except (OSError, StopIteration):
        flags = []
    exact = bool(_DOT_PRODUCTS & set(flags))
    if not exact:
        log.info("no VNNI on this processor: 16-bit sums would saturate, engines compute another, slower way")
    return exact
