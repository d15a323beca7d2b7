"""Look over a data set in SceneFlow's layout before it is trained on: what is there, what is missing, what is wrong.

`python -m data_tools.check ROOT` prints the report; `check` is the same as a function.
"""

from data_tools.check.check import CheckResult, check

__all__ = ["CheckResult", "check"]
