"""The most memory that this process has held."""

from __future__ import annotations

import re
from pathlib import Path


def read_peak() -> int:
    """Bytes, by the kernel's count of this program alone: getrusage in a child begins with the peak of the process that
    started it."""
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) * 1024
