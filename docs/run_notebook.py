"""`python docs/run_notebook.py`: runs docs/tour.ipynb from its first cell to its last, and stores what came out.

A cell with the tag `not-stored` runs too, but what it says stays out of the file, such as the times of one machine.
Needs `stereo_exp[full,notebook]`. What the cells write goes to `outputs/tour`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "tour.ipynb"
NOT_STORED = "not-stored"
_CELL_SECONDS = 3600
"""A cell needs a minute at most of a core to itself; a busy machine is no fault of the notebook."""


def execute(folder: Path) -> Any:
    """The notebook with the outputs of a new run, which happens in `folder`.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; the message has its source and its traceback.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=_CELL_SECONDS, resources=place, record_timing=False).execute()


def strip(notebook: Any) -> Any:
    """The same without what another run, or another machine, would say otherwise for no reason."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        kept: list[Any] = []
        for output in () if NOT_STORED in cell.metadata.get("tags", ()) else cell.outputs:
            if output.output_type == "execute_result":
                output.output_type = "display_data"
            output.pop("execution_count", None)
            # How a picture is called in words: the address of an object.
            if len(output.get("data", ())) > 1:
                output.data.pop("text/plain", None)
            # What is printed comes in parts, by chance.
            if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
                kept[-1].text += output.text
            else:
                kept.append(output)
        cell.outputs = kept
    notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
    return notebook


if __name__ == "__main__":
    import nbformat

    nbformat.write(strip(execute(ROOT)), NOTEBOOK)
    print(NOTEBOOK.name)
