"""Whose submission is graded next, so that nobody waits for those who keep the workers busy."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping

from autograder.course.exchange import Arrival

_FAIR_SECONDS = 5  # a difference in use that does not decide who is next
_HEAVY_SECONDS = 30  # those who have used more within an hour share one slot


class Queue:
    """The submissions in work, and at most one that waits for each student and assignment."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.arrivals: dict[str, Arrival] = {}

    def add(self, arrivals: Iterable[Arrival]) -> list[Arrival]:
        """Let arrivals wait; returns those that a later one of the same student replaces."""
        replaced = []
        newest = {
            (one.student, one.assignment): one
            for one in self.arrivals.values()
            if not one.started and not one.recorded
        }
        for arrival in sorted(arrivals, key=lambda arrival: arrival.submitted):
            arrival.since = self.clock()
            whose = arrival.student, arrival.assignment
            other = newest.get(whose)
            if other and other.submitted > arrival.submitted:
                replaced.append(arrival)
                continue
            if other:
                replaced.append(self.arrivals.pop(other.name))
            newest[whose] = self.arrivals[arrival.name] = arrival
        return replaced

    def next(
        self,
        running: Collection[Arrival],
        slots: int,
        used: Mapping[str, float],
        repeating: Collection[str],
    ) -> Arrival | None:
        """Who is next, if one of the slots is free.

        Those come first who have `used` the workers for the fewest seconds. The last slot is for
        first attempts, and those who have used much have one slot for all of them together.
        """
        barred = {one.student for one in running}
        heavy = {student for student, seconds in used.items() if seconds > _HEAVY_SECONDS}
        if heavy & barred:
            barred |= heavy
        if len(running) + 1 == slots > 1:
            barred |= set(repeating)
        ready = [
            one
            for one in self.arrivals.values()
            if not one.started and one.not_before <= self.clock() and one.student not in barred
        ]
        return min(
            ready if len(running) < slots else [],
            key=lambda one: (used.get(one.student, 0) // _FAIR_SECONDS, one.since),
            default=None,
        )
