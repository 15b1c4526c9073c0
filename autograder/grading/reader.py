"""Look at a student's code where it can do no harm: in a process with hard limits.

Python's own parser and compiler need gigabytes for some hundred characters that were chosen with
care. So a small helper process loads the check of the rules once, and forks for each question. The
fork has a limit on memory and one on time; whatever exceeds them is told in one sentence.

The helper is started anew for another assignment, and whenever it has died. Left were: a fork of
the grader itself, which may have threads that hold locks; and a new interpreter for each
submission, which costs a tenth of a second.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder.assignment import Assignment, AssignmentError
from autograder.facts import RuleViolation
from autograder.text import readable

_PROGRAM = Path(__file__).with_name("reader_program.py")
_NOT_CHECKED = "The code must be readable within the limits of the check"
_LONGEST_ANSWER = 4_000_000  # bytes
_MOST_VIOLATIONS = 1_000


class _Exceeded(Exception):
    """A look at a student's code took more than it may; the message says what."""


def check_rules(assignment: Assignment, submitted: NotebookNode) -> list[RuleViolation]:
    """Where a notebook breaks the rules of its assignment; none if that has no rules.

    Parameters
    ----------
    assignment : Assignment
    submitted : NotebookNode
        Not trusted in any way.

    Returns
    -------
    list of RuleViolation
        A single one that says so if the notebook cannot be checked within the limits.

    Raises
    ------
    AssignmentError
        If the module with the rules cannot be loaded.
    """
    if not assignment.rules:
        return []
    try:
        found = _ask(assignment, check=_plain(submitted.cells))
        if not isinstance(found, list) or len(found) > _MOST_VIOLATIONS:
            raise _Exceeded("its check found too much")
        return [_violation(one) for one in found]
    except _Exceeded as reason:
        message = f"The rules were not checked: {reason}. Hand in plain and short code."
        return [RuleViolation("not-checked", _NOT_CHECKED, "notebook", None, message)]


def are_inert(assignment: Assignment, cells: Sequence[tuple[str, Sequence[str]]]) -> list[bool]:
    """For each cell (its source, and the functions it is to define): see `inert.is_inert`."""
    return _promises(assignment, len(cells), inert=cells)


def are_idle(
    assignment: Assignment, cells: Sequence[tuple[str, str]], functions: Sequence[str]
) -> list[bool]:
    """For each cell (its kind and its source): see `idle.idle_cells`."""
    return _promises(assignment, len(cells), idle=(cells, functions))


def _plain(cells: Sequence[NotebookNode]) -> list[dict]:
    kept = ("cell_type", "id", "source", "metadata")
    return [{key: cell[key] for key in kept if key in cell} for cell in cells]


def _promises(assignment: Assignment, count: int, **question: object) -> list[bool]:
    try:
        found = _ask(assignment, **question)
    except _Exceeded:
        found = None
    if isinstance(found, list) and len(found) == count:
        return [one is True for one in found]
    return [False] * count  # which promises nothing


def _violation(fields: Any) -> RuleViolation:
    match fields:
        case [str(rule), str(title), str(cell), int() | None as line, str(message)]:
            return RuleViolation(rule, title, readable(cell), line, readable(message))
    raise _Exceeded("its check gave an answer that is none")


_lock = threading.Lock()  # a worker may have several threads
_helpers: list[_Helper] = []


def _ask(assignment: Assignment, **question: object) -> Any:
    """The answer of the helper for this assignment.

    Raises
    ------
    _Exceeded, AssignmentError
    """
    try:
        asked = json.dumps(question).encode() + b"\n"
    except (ValueError, RecursionError):
        raise _Exceeded("its metadata are nested too deeply") from None
    with _lock:
        if not (_helpers and _helpers[0].is_for(assignment) and _helpers[0].is_alive()):
            while _helpers:
                _helpers.pop().close()
            _helpers.append(_Helper(assignment))
        try:
            answer = _helpers[0].ask(asked)
        except BaseException:
            _helpers.pop().close()
            raise
    if "exceeded" in answer:
        raise _Exceeded(answer["exceeded"])
    return answer["found"]


class _Helper:
    """A process that forks for each question about a student's code."""

    def __init__(self, assignment: Assignment) -> None:
        self._check = (assignment.rules, assignment.files)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,  # Ctrl-C is not for it: it ends when its input does
        )
        files = {
            name: base64.b64encode(content).decode()
            for name, content in assignment.files.items()
            if name.endswith(".py")
        }
        settings = {
            "rules": assignment.rules,
            "files": files,
            "cells": _plain(assignment.released_cells()),
        }
        try:
            ready = self.ask(json.dumps(settings).encode() + b"\n")
        except BaseException:
            self.close()
            raise
        if "failed" in ready:
            self.close()
            raise AssignmentError(
                f"The rules in {assignment.rules} cannot be loaded: {ready['failed']}"
            )

    def is_for(self, assignment: Assignment) -> bool:
        return self._check == (assignment.rules, assignment.files)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, question: bytes) -> dict[str, Any]:
        try:
            self._process.stdin.write(question)
            self._process.stdin.flush()
            line = self._process.stdout.readline(_LONGEST_ANSWER)
            return json.loads(line)
        except (OSError, ValueError) as error:
            raise _Exceeded("the process that reads it was lost") from error

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
