"""What the watcher remembers between two runs."""

from datetime import datetime

from autograder.course.exchange import Arrival
from autograder.course.journal import HOUR, Journal
from tests.support.courses import ASSIGNMENT

NOON = datetime(2026, 3, 2, 12)


def test_a_clock_that_is_put_back_costs_nobody_more_than_an_hour(tmp_path):
    now = [1_000_000.0]
    journal = Journal(tmp_path / "journal", clock=lambda: now[0])
    arrival = Arrival("one", "ada", ASSIGNMENT, NOON)
    journal.start(arrival)
    now[0] -= 7 * 24 * HOUR
    assert journal.attempts(Arrival("two", "ada", ASSIGNMENT, NOON)) == [now[0]]
    assert journal.attempts(arrival) == []
