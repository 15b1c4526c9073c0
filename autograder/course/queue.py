"""Whose submission is graded next, so that nobody waits for those who keep the workers busy."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from autograder.course.exchange import Arrival
from autograder.course.folder import Submission
from autograder.facts import Attempt

_QUICK_SECONDS = 5  # what takes longer leaves its place to others
_HEAVY_SECONDS = 30  # those who have held a worker for longer, within an hour, share one place


@dataclass
class Waiting:
    """A submission in the exchange; times are those of the line's clock.

    Attributes
    ----------
    arrival : Arrival
    since : float
    not_before : float
        When there is something to do with it.
    held : bool
        Whether its student has been told to wait for the next attempt.
    started : float
        When grading began; 0 if it has not.
    attempt : Attempt or None
        Known when grading begins, as is `submission`.
    submission : Submission or None
    recorded : bool
        Whether the gradebook has its result, so that only the pages are left to do.
    """

    arrival: Arrival
    since: float
    not_before: float = 0
    held: bool = False
    started: float = 0
    attempt: Attempt | None = None
    submission: Submission | None = None
    recorded: bool = False


class Line:
    """The submissions that wait: at most one for each student and assignment, and one that runs.

    Parameters
    ----------
    places : callable
        How many may be graded at a time if all are quick.
    most : callable
        How many may be graded at a time, slow ones included.
    clock : callable
        Time in seconds that never jumps.
    """

    def __init__(
        self,
        places: Callable[[], int],
        most: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._most = most
        self.clock = clock
        self.waiting: dict[str, Waiting] = {}

    def join(self, arrivals: Iterable[Arrival]) -> list[Waiting]:
        """Let arrivals wait; returns those that a later one of the same student replaces."""
        replaced = []
        newest = {
            (one.arrival.student, one.arrival.assignment): one
            for one in self.waiting.values()
            if not one.started and not one.recorded
        }
        for arrival in sorted(arrivals, key=lambda arrival: arrival.submitted):
            one = Waiting(arrival, self.clock())
            whose = arrival.student, arrival.assignment
            other = newest.get(whose)
            if other and other.arrival.submitted > arrival.submitted:
                replaced.append(one)
                continue
            if other:
                replaced.append(self.waiting.pop(other.arrival.name))
            newest[whose] = self.waiting[arrival.name] = one
        return replaced

    def next(self, running: Collection[Waiting], used: Mapping[str, float]) -> Waiting | None:
        """Who is next, if there is a place.

        Those come first who have used the workers least. A submission that takes long gives its
        place to another one, as long as there are workers. The last worker is for first attempts,
        and those who have used much have one for all of them together.

        Parameters
        ----------
        running : collection of Waiting
        used : mapping of str to float
            Seconds for which students have held a worker lately, of all who ever had an attempt.
        """
        now = self.clock()
        quick = sum(now - one.started < _QUICK_SECONDS for one in running)
        if quick >= self._places() or len(running) >= self._most():
            return None
        busy = {one.arrival.student for one in running}
        heavy = {student for student, seconds in used.items() if seconds > _HEAVY_SECONDS}
        barred = set(busy)
        if heavy & busy:
            barred |= heavy
        last_place = len(running) + 1 == self._most() > 1
        ready = [
            one
            for one in self.waiting.values()
            if not one.started
            and one.not_before <= now
            and one.arrival.student not in barred
            and not (last_place and one.arrival.student in used)
        ]
        return min(
            ready,
            key=lambda one: (used.get(one.arrival.student, 0) // _QUICK_SECONDS, one.since),
            default=None,
        )
