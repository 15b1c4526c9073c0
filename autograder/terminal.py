"""What instructors see on the terminal: messages, progress, and the table of a batch."""

import contextlib
import itertools
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from autograder.text import UserError, counted, in_line

if TYPE_CHECKING:
    from autograder.course.batch import Outcome
    from autograder.course.folder import Course

_HEADING_CHARACTERS = 36  # of the tests' names have room in the table


def warn(text: str) -> None:
    """Write a line about something that is not as it should be."""
    print(f"autograder: {text}", file=sys.stderr)


class _Lasting:
    """A stream that goes on, without effect, where nobody reads it or its disk is full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def lasting_output() -> Iterator[None]:
    """Let commands do their work whatever becomes of their output."""
    for number in range(3):  # the next file that is opened, a gradebook say, must not get messages
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout or open(os.devnull, "w"), sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    sys.stdout, sys.stderr = map(_Lasting, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in before:
            try:
                stream.flush()
            except OSError:  # Python would try again when it ends, and complain
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def progress(total: int) -> "Callable[[Outcome], None]":
    """Print a line for each submission that has been graded."""
    numbers = itertools.count(1)

    def report(outcome: "Outcome") -> None:
        student, words = in_line(outcome.student), in_line(outcome.in_words)
        print(f"[{next(numbers)}/{total}] {student}: {words}", flush=True)

    return report


def print_table(course: "Course", outcomes: "list[Outcome]") -> None:
    """Print points and remarks of each student, and what the remarks mean."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from autograder.grading.calibration import where_tests_run

    def cut_off(text: str) -> Text:  # where its column is narrow; of a number no digit ever is
        return Text(in_line(text), no_wrap=True, overflow="ellipsis")

    try:
        in_gradebook = course.scores()  # broken rules and manual scores count there
    except UserError:  # somebody else has it now; what was recorded is recorded
        in_gradebook = {}
    # The tests under each heading: one, or all of a notebook where a line has no room for each.
    names = {test: course.label(*test).removeprefix("test-") for test in course.tests}
    if sum(map(len, names.values())) > _HEADING_CHARACTERS:
        names = {test: test[0] for test in course.tests}
    columns: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for test, name in names.items():
        columns[name].append(test)
    table = Table(title=f"{course.assignment_id}: {counted(len(outcomes), 'submission')}")
    table.add_column("student")
    for heading in (*columns, "sum"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("remarks")
    sentences: dict[str, list[str]] = defaultdict(list)
    for outcome in sorted(outcomes, key=lambda outcome: outcome.student):
        scores = in_gradebook.get(outcome.student, {}) if outcome.verdicts else {}
        parts = [*columns.values(), list(course.tests)]
        points = [f"{sum(scores[test] for test in tests):g}" if scores else "-" for tests in parts]
        wrong = [verdict for verdict in outcome.verdicts.values() if not verdict.passed]
        remarks = {verdict.code: verdict.message for verdict in wrong}
        remarks |= {repair.code: str(repair) for repair in outcome.repairs}
        if outcome.problem:
            remarks = {"problem": "It needs manual grading, see below."}
        for code, sentence in remarks.items():
            sentences[code].append(sentence)
        table.add_row(cut_off(outcome.student), *points, cut_off(", ".join(remarks)))
    Console(markup=False, emoji=False).print(table)
    for code, some in sorted(sentences.items(), key=lambda item: -len(item[1])):
        example = " For example:" if len(set(some)) > 1 else ""
        print(f"{len(some):5} x {code}:{example} {some[0]}")
    for outcome in outcomes:
        if outcome.problem:
            print(f"{in_line(outcome.student)}: {outcome.problem}")
    for line in where_tests_run(course.modes):
        print(line)
