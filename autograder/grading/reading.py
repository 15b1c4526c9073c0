"""Read a submission's code in its sandbox, before any of it runs there.

The module with the rules is one of the assignment's own files; it reads the student's cells as
data. Python's own parser and compiler need gigabytes for some hundred characters that were chosen
with care, so this question has small limits of its own; whatever exceeds them is one remark.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograder.assignment import Assignment, AssignmentError
from autograder.facts import RuleViolation
from autograder.limits import MEGABYTE
from autograder.sandbox.process import StudentProcess
from autograder.text import readable

SECONDS = 10  # of the clock; many sandboxes may share a processor
_CPU_SECONDS = 2
_MEMORY_BYTES = 250 * MEGABYTE  # on top of what the process has
_MOST_VIOLATIONS = 1_000


def _not_checked(reason: str) -> list[RuleViolation]:
    title = "The code must be readable within the limits of the check"
    message = f"The rules were not checked: {reason}. Hand in plain and short code."
    return [RuleViolation("not-checked", title, "notebook", None, message)]


TOO_MUCH = _not_checked(
    f"to read the code takes more than {_CPU_SECONDS} seconds or {_MEMORY_BYTES // MEGABYTE} MB"
)


@lru_cache(maxsize=4)
def reader(assignment: Assignment) -> str:
    """What a sandbox needs to check the rules of an assignment, as JSON; empty without rules."""
    if not assignment.rules:
        return ""
    program = Path(__file__).with_name("reading_program.py").read_text()
    cells = _plain(assignment.released_cells())
    return json.dumps({"program": program, "rules": assignment.rules, "cells": cells})


def read(
    process: StudentProcess, assignment: Assignment, submitted: NotebookNode, seconds: float
) -> list[RuleViolation]:
    """Check the rules on what was handed in."""
    limits = {"cpu_seconds": _CPU_SECONDS, "memory_bytes": _MEMORY_BYTES}
    try:
        answer = process.read(_plain(submitted.cells), limits, seconds)
    except (ValueError, RecursionError):
        return _not_checked("its metadata are nested too deeply")
    match answer:
        case {"cannot_load": str(reason)}:
            raise AssignmentError(
                f"The rules in {assignment.rules} cannot be loaded: {readable(reason)}"
            )
        case {"failed": "MemoryError"}:
            return TOO_MUCH
        case {"failed": str(name)}:
            return _not_checked(f"its check failed ({readable(name)})")
        case {"found": list(found)} if len(found) <= _MOST_VIOLATIONS:
            violations = [_violation(one) for one in found]
            if None not in violations:
                return violations
    return _not_checked("its check gave an answer that is none")


def _plain(cells: Sequence[NotebookNode]) -> list[dict]:
    kept = ("cell_type", "id", "source", "metadata")
    return [{key: cell[key] for key in kept if key in cell} for cell in cells]


def _violation(found: Any) -> RuleViolation | None:
    match found:
        case [int() | None as line, {**fields}, *texts] if [*map(type, texts)] == 6 * [str]:
            rule, title, cell, message, code, template = texts
            fields = {name: readable(str(value)) for name, value in fields.items()}
            words = [(code, template)] if template else []
            return RuleViolation(
                rule, title, readable(cell), line, readable(message), words, fields
            )
    return None
