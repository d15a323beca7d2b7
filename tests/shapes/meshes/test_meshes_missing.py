"""Where a wheel of the extra [render] is missing, one line says which and what to type."""

import sys

import numpy as np
import pytest
from pen_and_paper import wall

from stereo_exp.base import UserError


@pytest.mark.parametrize(("wheel", "module"), [("embreex", "caster"), ("numba", "jit")])
def test_a_missing_wheel_is_told_in_one_line(wheel, module, monkeypatch) -> None:
    # As if it were not there: neither in the modules nor for whoever looks for it.
    for name in [name for name in sys.modules if name.partition(".")[0] == wheel]:
        monkeypatch.delitem(sys.modules, name)

    class Nothing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == wheel:
                raise ModuleNotFoundError(f"No module named {wheel!r}", name=wheel)

    monkeypatch.setattr(sys, "meta_path", [Nothing(), *sys.meta_path])
    monkeypatch.setattr("stereo_exp.base.errors.find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        if module == "caster":
            from stereo_exp.shapes.meshes.caster import Caster

            mesh = wall(2.0)
            Caster(mesh.vertices, mesh.faces)
        else:
            from stereo_exp.shapes.meshes.jit import jit

            jit(np.sqrt)
    assert str(caught.value) == f'{wheel}: is not installed, and this needs it; pip install "stereo_exp[render]"'
