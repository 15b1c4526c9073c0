"""Notebooks that show as much as they may, and what it takes to grade and to show them."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from tests.support import courses

_PICTURE = """
import struct, zlib
from IPython.display import Image, display
def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
head = struct.pack(">IIBBBBB", 8_000, 5_000, 1, 0, 0, 0, 0)
lines = zlib.compress(b"\\0" * (5_000 * 1_001), 9)
picture = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines)
picture += chunk(b"IEND", b"")
"""
CELLS = {
    "displays": ["from IPython.display import display"] + ["for i in range(499): display(i)"] * 25,
    "pictures and lines": [_PICTURE]
    + ["for i in range(5): display(Image(picture))"] * 50
    + ["print('\\n' * 99_990)"] * 40,
}
_FEEDBACK = """
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from autograder.course.folder import load_config
config = load_config(folder)
api = NbGraderAPI(coursedir=CourseDirectory(config=config), config=config)
assert api.generate_feedback("Initialization", "heavy")["success"]
"""
_FORMGRADER = """
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader import handlers
settings = {"template_name": "formgrade", "extra_template_basedirs": [handlers.template_path]}
resources = {"base_url": "", "index": 0, "total": 1}
path = folder / "autograded/heavy/Initialization/Initialization.ipynb"
page, _ = HTMLExporter(**settings).from_filename(str(path), resources=resources)
print("page", len(page))
"""
_MEASURED = """
import re, sys
from pathlib import Path
folder = Path(sys.argv[1])
{}
print("peak", re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def notebook(released: Path, kind: str) -> bytes:
    """A right solution with cells of a kind before the first answer, where tests may need them."""
    made = courses.fill_in(released, courses.answers())
    first = next(i for i, cell in enumerate(made.cells) if cell.id.startswith("initialize"))
    made.cells[first:first] = [new_code_cell(source) for source in CELLS[kind]]
    return nbformat.writes(made).encode()


_GRADE = """
from autograder.course.batch import grade_course
from autograder.course.folder import Course
from autograder.grading.run import grade_submission
from tests.support import courses
course = Course(folder, "Initialization")
course.calibrate()
(assignment,) = course.notebooks.values()
data = courses.submission_path(folder, "heavy").read_bytes()
graded = grade_submission(data, assignment, course.limits, execute=course.grading.executes())
print("outputs", sum(len(c.get("outputs", [])) for c in graded.notebook.cells))
grade_course(course, course.submissions(), courses.canned_workers(graded))
"""


def measure(folder: Path) -> dict[str, dict[str, int]]:
    """What each of three processes says of itself: who grades and records, and two pages.

    The student ``heavy`` has handed in. Each process may take 2 GB, whatever comes.
    """
    found = {}
    for what, program in {
        "grade": _GRADE,
        "feedback": _FEEDBACK,
        "formgrader": _FORMGRADER,
    }.items():
        program = _MEASURED.replace("{}", program)
        command = ["prlimit", "--as=2000000000", sys.executable, "-c", program, str(folder)]
        run = subprocess.run(command, cwd=courses.PROJECT, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-3_000:]
        found[what] = {k: int(v) for k, v in re.findall(r"^(\w+) (\d+)$", run.stdout, re.M)}
    return found
