"""Functions that numba compiles: what runs once a pixel or a ray, where numpy would stream gigabytes through memory.

Importing a module with such functions needs the extra [render]. Code for this kind of processor is kept in numba's
cache, so that only the first run on a machine compiles (about twenty seconds for a whole pair).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stereo_exp.base import tell_missing_extras

Function = TypeVar("Function", bound=Callable[..., object])


def jit(function: Function) -> Function:
    """Compile a function on its first call, one thread, IEEE arithmetic: the same bytes wherever it runs.

    Raises:
        UserError: numba is not installed.
    """
    with tell_missing_extras():
        import numba
    # Division by zero gives infinity as in numpy; a check for it would keep loops from being vectorised.
    compiled: Function = numba.njit(cache=True, error_model="numpy", fastmath=False)(function)
    return compiled
