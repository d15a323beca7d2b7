"""Targets of quantisation, one file each: what the integer arithmetic of a device may use.

A target is a dataclass in a file of this package (its fields are the keys under `quant.target`) and a YAML file of the
same name under conf/quant/target/. No torch is imported here before a tensor comes along: the schema of the
configuration is made of these classes.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from stereo_exp.quant.targets.base import Target, TensorFormat

__all__ = ["Target", "TensorFormat", "target_classes"]


def target_classes() -> dict[str, type[Target]]:
    """Every target by name: the subclasses of `Target` in this package's files, and those defined elsewhere."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    found: dict[str, type[Target]] = {}
    waiting = [Target]
    while waiting:
        for cls in waiting.pop().__subclasses__():
            waiting.append(cls)
            found[cls.__dataclass_fields__["name"].default] = cls  # type: ignore[index]
    return found
