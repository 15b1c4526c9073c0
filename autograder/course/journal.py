"""What became of each submission in the exchange, and when each student had which attempts.

It is a small database in ``.grading/``, so that a watcher that starts again knows what is left to
do. What was graded stands in the gradebook; this says what was asked for, and what is done.
"""

import sqlite3
import time
from collections.abc import Callable, Collection
from pathlib import Path

from autograder.course.exchange import Arrival

HOUR = 3_600
_TABLE = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS arrivals (
    name TEXT PRIMARY KEY,
    student TEXT NOT NULL,
    assignment TEXT NOT NULL,
    started REAL,
    ended REAL,
    fate TEXT
);
CREATE INDEX IF NOT EXISTS by_start ON arrivals (started);
"""


class Journal:
    """Remembers submissions by the name of their folder in the exchange; times are Unix times."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(_TABLE)
        self.close = self._database.close
        # Who had an attempt; what had begun, and what had come to its end before this watcher.
        self.students = self._column("student", "started IS NOT NULL")
        self.unfinished = self._column("name", "ended IS NULL")
        self.ended = self._column("name", "ended IS NOT NULL")

    def start(self, arrival: Arrival) -> None:
        """Note that grading begins; it counts as one attempt, however often it begins."""
        self._database.execute(
            "INSERT INTO arrivals (name, student, assignment, started) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (arrival.name, arrival.student, arrival.assignment, self._clock()),
        )
        self.students.add(arrival.student)

    def end(self, fate: str, arrivals: Collection[Arrival]) -> None:
        """Note, of all or none, that nothing is left to do, and in a word why."""
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO arrivals (name, student, assignment, ended, fate) "
                "VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET ended = excluded.ended, fate = excluded.fate",
                [(one.name, one.student, one.assignment, self._clock(), fate) for one in arrivals],
            )
        self.ended |= {one.name for one in arrivals}

    def attempts(self, arrival: Arrival) -> list[float]:
        """When each other attempt of this student at this assignment began, in order.

        One that seems to lie in the future, after a clock was put right, counts as of now: so
        nobody has to wait for longer than an hour.
        """
        self._database.execute(
            "UPDATE arrivals SET started = ?1 WHERE student = ?2 AND started > ?1",
            (self._clock(), arrival.student),
        )
        rows = self._database.execute(
            "SELECT started FROM arrivals WHERE student = ? AND assignment = ? AND name <> ? "
            "AND started IS NOT NULL ORDER BY started",
            (arrival.student, arrival.assignment, arrival.name),
        )
        return [started for (started,) in rows]

    def used(self) -> dict[str, float]:
        """Seconds for which students have held a worker with attempts of the last hour."""
        rows = self._database.execute(
            "SELECT student, sum(max(0, coalesce(ended, started) - started)) FROM arrivals "
            "WHERE started > ? GROUP BY student",
            (self._clock() - HOUR,),
        )
        return dict(rows.fetchall())

    def _column(self, column: str, condition: str) -> set[str]:
        rows = self._database.execute(f"SELECT {column} FROM arrivals WHERE {condition}")
        return {value for (value,) in rows}
