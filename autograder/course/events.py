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

    Parameters
    ----------
    kind : str
        ``graded``, ``waits``, ``replaced``, ``late``, ``not-taken``, ``gone``, ``failed`` (a person
        has to look at it) or ``problem`` (which is tried again).
    text : str
    student, assignment : str
        Empty if it is about none.
    attempt : int
        0 if it was not graded.
    seconds : float or None
        From the arrival to the page that can be fetched.
    """
    fields = {"kind": kind, "text": text, "student": student, "assignment": assignment}
    fields |= {"attempt": attempt, "seconds": seconds}
    LOGGER.info(_in_words(**fields), extra={"fields": fields})


def log_to_stdout(form: str) -> None:
    """Write events to standard output from now on, as ``text`` or ``json``.

    Where nobody reads them any more, the work goes on all the same.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    handler.handleError = lambda record: None
    LOGGER.handlers = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{datetime.fromtimestamp(record.created):%Y-%m-%d %H:%M:%S} {record.getMessage()}"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")
        return json.dumps({"time": time, **record.fields})


def _in_words(
    kind: str, text: str, student: str, assignment: str, attempt: int, seconds: float | None
) -> str:
    whose = f"{student} {assignment}" if student else ""
    number = f", attempt {attempt}" if attempt and kind == "graded" else ""
    took = f" ({seconds:.1f} s)" if seconds is not None else ""
    more = f": {text}" if text else ""
    return in_line(f"{whose}{number} {kind}{more}{took}".strip())
