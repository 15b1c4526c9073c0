"""In which order submissions are graded: a fair one."""

import itertools
from datetime import datetime

from autograder.course.exchange import Arrival
from autograder.course.queue import Queue

NOON = datetime(2026, 3, 2, 12)


class Course:
    """A queue with a clock of its own, whose submissions are graded by hand."""

    def __init__(self, slots=3):
        self.now = 1.0
        self.queue = Queue(clock=lambda: self.now)
        self.slots = slots
        self.used = {}
        self.students = set()
        self.running = []
        self._numbers = itertools.count()

    def add(self, *students):
        for student in students:
            name = str(next(self._numbers))
            self.queue.add([Arrival(name, student, "Initialization", NOON)])

    def next(self):
        one = self.queue.next(self.running, self.slots, self.used, self.students)
        if one:
            one.started = self.now
            self.students.add(one.student)
            self.running.append(one)
        return one and one.student

    def end(self, student, seconds):
        one = next(one for one in self.running if one.student == student)
        self.running.remove(one)
        del self.queue.arrivals[one.name]
        self.used[student] = self.used.get(student, 0) + seconds


def test_those_come_first_who_have_used_the_workers_least():
    course = Course()
    course.used = {"ada": 20, "bela": 0}
    course.add("ada", "bela", "carl")
    assert [course.next(), course.next(), course.next()] == ["bela", "carl", "ada"]


def test_all_slots_are_used_and_no_more():
    course = Course()
    course.add(*"abcd")
    assert [course.next() for _ in "abcd"] == ["a", "b", "c", None]


def test_the_last_slot_is_for_first_attempts():
    course = Course()
    course.students = set("abc")
    course.add(*"abc")
    assert [course.next(), course.next(), course.next()] == ["a", "b", None]
    course.add("new")
    assert course.next() == "new"


def test_a_student_with_a_hundred_loops_delays_nobody():
    course = Course()
    for _ in range(100):
        course.add("loop")
    assert len(course.queue.arrivals) == 1
    course.add("ada")
    assert [course.next(), course.next()] == ["loop", "ada"]
    course.add("loop", "bela")
    assert [course.next(), course.next()] == ["bela", None]  # no second loop beside the first
    course.end("ada", 0.3)
    course.end("bela", 0.3)
    course.add("ada")
    assert course.next() == "ada"
    course.end("loop", 160)
    assert course.next() == "loop"  # nobody else is there


def test_those_who_have_used_much_share_one_slot():
    course = Course()
    course.used = {"x": 100, "y": 100, "z": 100}
    course.add("x", "y", "z")
    assert [course.next(), course.next()] == ["x", None]
