"""What a watcher logs, for people and for programs."""

import json
from datetime import datetime

from autograder.course import events
from autograder.course.exchange import Arrival
from autograder.facts import Attempt

ARRIVAL = Arrival("a", "ada", "Initialization", attempt=Attempt(2, "at noon"), since=10)
EVENT = ("graded", "3 of 3 exercises right", ARRIVAL, 11.25)


def test_a_line_for_people_says_who_and_what(capsys):
    events.log_to_stdout("text")
    events.log(*EVENT)
    line = "ada Initialization, attempt 2 graded: 3 of 3 exercises right (1.2 s)\n"
    assert capsys.readouterr().out[20:] == line


def test_an_object_for_programs_has_all_fields(capsys):
    events.log_to_stdout("json")
    events.log(*EVENT)
    logged = json.loads(capsys.readouterr().out)
    assert datetime.fromisoformat(logged.pop("time")).tzinfo
    assert logged == {
        "kind": "graded",
        "text": "3 of 3 exercises right",
        "student": "ada",
        "assignment": "Initialization",
        "attempt": 2,
        "seconds": 1.25,
    }


def test_nobody_has_to_read_what_is_logged(monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Closed())
    events.log_to_stdout("text")
    events.log(*EVENT)
