"""`python docs/write_api.py`: the page of what `import stereo_exp` offers, from its docstrings (a test compares)."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path

import stereo_exp as se
from stereo_exp.runtime.model import Options

PAGE = Path(__file__).resolve().parent / "api.md"
_HEAD = """# From Python

What `import stereo_exp` offers; nothing is imported before it is used. `python docs/write_api.py` writes this page from
the docstrings.

```python
import stereo_exp as se

model = se.load("release")
pair = model("left.png", "right.png")
metres = pair.depth(focal=995, baseline=0.193)
for pair in model(frames):  # any iterable of (left, right): files, arrays, tensors
    print(pair.disparity.mean(), pair.confidence.mean())

network = se.create_network("stereonetplus", maxdisp=192)
for sample in se.open_dataset("middlebury", root="MiddEval3"):
    print(sample.key, sample.disparity.max())
report = se.run(se.compose(["stage=calib", "model.maxdisp=192"]))
```

Mistakes are `UserError`, a `ValueError`, told in one line with what to do.
"""
_ORDER = ("load", "StereoModel", "Prediction", "compose", "run", "create_network", "open_dataset", "StereoMetrics")
_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes):$", re.MULTILINE)


def write() -> str:
    """The page's text."""
    return "\n".join([_HEAD, *(part for name in _ORDER for part in _about(name))])


def _about(name: str) -> list[str]:
    thing = getattr(se, name)
    parts = [f"## se.{name}", "", _signature(f"se.{name}", thing), "", _text(thing), ""]
    if name == "StereoModel":
        parts += ["Options of a call:", "", *_fields(Options), ""]
    if is_dataclass(thing):
        parts = [*parts[:2], _text(thing), "", *_fields(thing), ""]
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            is_public = not member.startswith("_") or member == "__call__"
            if is_public and inspect.isfunction(value) and value.__doc__:
                parts += [f"### {name}.{member}", "", _signature(member, value), "", _text(value), ""]
    return parts


def _fields(schema: type) -> list[str]:
    """The fields of a class with the literals under them, which Python throws away."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(schema)).body if isinstance(node, ast.ClassDef))
    said = []
    for above, below in pairwise(body):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(above, ast.AnnAssign) and is_text:
            text = " ".join(str(below.value.value).split())  # type: ignore[attr-defined]
            said.append(f"- `{ast.unparse(above.target)}: {ast.unparse(above.annotation)}`: {text}")
    return said


def _signature(name: str, thing: object) -> str:
    # Annotations are strings; defaults keep their quotes.
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(thing)))  # type: ignore[arg-type]
    text = re.sub(r"\(self(, /)?(, )?", "(", text)
    return "```text\n" + "\n".join(textwrap.wrap(f"{name}{text}", 100, subsequent_indent="    ")) + "\n```"


def _text(thing: object) -> str:
    """A docstring as Markdown: its sections as they stand, in a block that keeps their lines."""
    said = inspect.getdoc(thing) or ""
    first = _SECTION.search(said)
    if first is None:
        return said.strip()
    return f"{said[: first.start()].strip()}\n\n```text\n{said[first.start() :].strip()}\n```"


if __name__ == "__main__":
    PAGE.write_text(write())
    print(PAGE.name)
