"""What a watcher logs: a line for people, or a JSON object for programs, of each event."""

import json
import logging
import sys
from datetime import datetime

from autograder.course.exchange import Arrival
from autograder.text import in_line

LOGGER = logging.getLogger("autograder.events")


def log(kind: str, text: str, about: Arrival | None = None, now: float = 0) -> None:
    """Log an event.

    Kinds are ``graded``, ``waits``, ``replaced``, ``late``, ``not-taken``, ``gone``, ``failed`` (a
    person has to look at it) and ``problem`` (which is tried again). With ``graded`` stand the
    seconds from the arrival to the page that can be fetched.
    """
    about = about or Arrival("")
    is_graded = kind == "graded"
    attempt = about.attempt.number if about.attempt else 0
    seconds = now - about.since if is_graded else None
    fields = {"kind": kind, "text": text, "student": about.student, "assignment": about.assignment}
    number = f", attempt {attempt}" if attempt and is_graded else ""
    took = f" ({seconds:.1f} s)" if is_graded else ""
    words = f"{about.student} {about.assignment}{number} {kind}{text and f': {text}'}{took}"
    fields |= {"attempt": attempt, "seconds": seconds}
    LOGGER.info(in_line(words.strip()), extra={"fields": fields})


def log_to_stdout(form: str) -> None:
    """Write events to standard output from now on, as ``text`` or ``json``.

    Where nobody reads them any more, the work goes on all the same.
    """
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S")
    handler.setFormatter(_Json() if form == "json" else formatter)
    handler.handleError = lambda record: None
    LOGGER.handlers = [handler]
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        now = datetime.fromtimestamp(record.created).astimezone()
        return json.dumps({"time": now.isoformat(timespec="seconds"), **record.fields})
