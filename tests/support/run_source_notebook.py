"""Execute sections 1 to 7 of the instructor's notebook and print what came out as JSON.

test_notebook.py runs this in a process of its own, because the processor features that NumPy may
use have to be chosen before it is imported.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import nbformat
from IPython.core.interactiveshell import InteractiveShell

FOLDER = Path(__file__).resolve().parents[2] / "source" / "Initialization"
LAST_SECTION = "## 8 "


def main() -> None:
    sys.path.insert(0, str(FOLDER))
    shell = InteractiveShell.instance(history_length=0)
    shell.enable_gui = lambda gui=None: None
    printed = {}
    for cell in nbformat.read(FOLDER / "Initialization.ipynb", as_version=4).cells:
        if cell.cell_type == "markdown" and cell.source.startswith(LAST_SECTION):
            break
        if cell.cell_type == "code":
            output = io.StringIO()
            source = cell.source.replace("%matplotlib inline", "")
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                result = shell.run_cell(source)
            if not result.success:
                raise SystemExit(f"The cell {cell.id} failed:\n{output.getvalue()}")
            printed[cell.id] = output.getvalue()
    results = {
        "printed": printed,
        "costs": {
            kind: [repr(float(cost)) for cost in costs]
            for kind, costs in shell.user_ns["cost_history"].items()
        },
    }
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
