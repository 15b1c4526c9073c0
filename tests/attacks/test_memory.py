"""However programs hoard memory, the machine keeps enough, and honest work its points."""

import threading

import nbformat
import psutil

from tests.attacks.attacks import HOARDS, hand_in
from tests.support import courses

HONEST = ("ada", "grace", "zoe")


class Lowest(threading.Thread):
    """The least memory that this machine had, while the body of `with` ran."""

    def __init__(self):
        super().__init__()
        self.ended = threading.Event()
        self.available = psutil.virtual_memory().available

    def run(self):
        while not self.ended.wait(0.05):
            self.available = min(self.available, psutil.virtual_memory().available)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def test_hoards_leave_memory_to_the_machine_and_to_honest_work(course):
    with open(course / "nbgrader_config.py", "a") as config:
        config.write("\nc.Grading.total_seconds = 20\n")
    for hoard in HOARDS.values():
        hand_in(course, hoard)
    for name in HONEST:
        courses.hand_in(course, name, courses.answers())
    with Lowest() as lowest:
        result = courses.grade(course, "--jobs", "2")
    assert lowest.available > 2e9
    scores = courses.scores(course)
    assert {name: scores[name] for name in HONEST} == {name: [10, 10, 10] for name in HONEST}
    for hoard in HOARDS.values():
        assert scores[hoard.name][1] == 0, result.stdout
        (path,) = course.glob(f"autograded/{hoard.name}/*/*.ipynb")
        cells = {cell.id: cell for cell in nbformat.read(path, 4).cells}
        outputs = str(cells["initialize-random"].outputs)
        assert "inside" in outputs or "memory and was stopped" in outputs, hoard.name
