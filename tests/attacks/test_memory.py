"""However programs hoard memory, the machine keeps enough, and honest work its points."""

import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
import psutil

from tests.attacks.attacks import HOARDS, hand_in
from tests.support import courses

HONEST = ("ada", "grace", "zoe")


def test_hoards_leave_memory_to_the_machine_and_to_honest_work(course):
    with open(course / "nbgrader_config.py", "a") as config:
        config.write("\nc.Grading.total_seconds = 20\n")
    for hoard in HOARDS.values():
        hand_in(course, hoard)
    for name in HONEST:
        courses.hand_in(course, name, courses.answers())
    with ThreadPoolExecutor(1) as thread:
        grading = thread.submit(courses.grade, course, "--jobs", "2")
        while not grading.done():
            assert psutil.virtual_memory().available > 2e9
            time.sleep(0.05)
    result = grading.result()
    scores = courses.scores(course)
    assert {name: scores[name] for name in HONEST} == {name: [10, 10, 10] for name in HONEST}
    for hoard in HOARDS.values():
        assert scores[hoard.name][1] == 0, result.stdout
        (path,) = course.glob(f"autograded/{hoard.name}/*/*.ipynb")
        cells = {cell.id: cell for cell in nbformat.read(path, 4).cells}
        outputs = str(cells["initialize-random"].outputs)
        assert "inside" in outputs or "memory and was stopped" in outputs, hoard.name
