"""Time what a learner waits for: all cells of the solved notebook, one after the other.

    python benchmarks/notebook.py

Ends with 1 if that takes more than 15 s, and names the five slowest cells.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "source" / "Initialization"
ALLOWED_SECONDS = 15


def main() -> int:
    notebook = nbformat.read(FOLDER / "Initialization.ipynb", as_version=4)
    client = NotebookClient(notebook, resources={"metadata": {"path": FOLDER}}, allow_errors=True)
    seconds = {}
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            started = time.perf_counter()
            client.execute_cell(cell, index)
            seconds[cell.id] = time.perf_counter() - started
    total, size = sum(seconds.values()), len(nbformat.writes(notebook))
    print(f"Run All: {total:.1f} s; the notebook with its outputs: {size / 1e6:.1f} MB")
    for cell_id in sorted(seconds, key=seconds.get, reverse=True)[:5]:
        print(f"{seconds[cell_id]:6.1f} s  {cell_id}")
    return int(total > ALLOWED_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
