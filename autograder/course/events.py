"""What a watcher logs: a line for people, or a JSON object for programs, of each event."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime

from autograder.text import in_line

LOGGER = logging.getLogger("autograder.events")


def log(
    kind: str,
    text: str,
    student: str = "",
    assignment: str = "",
    attempt: int = 0,
    seconds: float | None = None,
) -> None:
    """Log an event.

    Kinds are ``graded``, ``waits``, ``replaced``, ``late``, ``not-taken``, ``gone``, ``failed`` (a
    person has to look at it) and ``problem`` (which is tried again). Seconds are those from the
    arrival to the page that can be fetched.
    """
    fields = {"kind": kind, "text": text, "student": student, "assignment": assignment}
    fields |= {"attempt": attempt, "seconds": seconds}
    whose = f"{student} {assignment}" if student else ""
    number = f", attempt {attempt}" if attempt and kind == "graded" else ""
    took = f" ({seconds:.1f} s)" if seconds is not None else ""
    words = f"{whose}{number} {kind}{f': {text}' if text else ''}{took}"
    LOGGER.info(in_line(words.strip()), extra={"fields": fields})


def log_to_stdout(form: str) -> None:
    """Write events to standard output from now on, as ``text`` or ``json``.

    Where nobody reads them any more, the work goes on all the same.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Formatter(form))
    handler.handleError = lambda record: None
    LOGGER.handlers = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


class _Formatter(logging.Formatter):
    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        now = datetime.fromtimestamp(record.created).astimezone()
        if self._form == "json":
            return json.dumps({"time": now.isoformat(timespec="seconds"), **record.fields})
        return f"{now:%Y-%m-%d %H:%M:%S} {record.getMessage()}"
