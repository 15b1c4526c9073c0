"""What grading finds out about a submission, as data; words are made of it last.

It is stored once, as JSON in ``metadata.autograder``: verdicts in the test cells, all else in the
executed notebook's own metadata. It holds words of the student: pages escape them.
"""

import dataclasses
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Self

from nbformat import NotebookNode

from autograder.assignment import grade_id
from autograder.language import ENGLISH, WORDS, fill, in_words, translated
from autograder.text import counted


@dataclass(frozen=True)
class Verdict:
    """Outcome of one test cell."""

    passed: bool
    code: str = ""  # stable short name of the mistake, for counting
    message: str = ""  # what is wrong, or what a test that passed has printed
    case: str = ""  # for which values, in which line; what else was printed
    hint: str = ""  # what to look at next
    score: float | None = None  # points, where a test gives a part of them
    words: dict[str, list] = field(default_factory=dict)  # by part: contexts and templates
    fields: dict[str, str] = field(default_factory=dict)  # what stands in their braces

    @classmethod
    def from_text(cls, passed: bool, code: str, text: str, place: str = "") -> Self:
        """A verdict in the words of any program: the first line is the message."""
        message, _, case = text.strip().partition("\n")
        return cls(passed, code, message, f"{case}\n{place}".strip("\n"))

    def about(self, case: str = "", **fields: str) -> Self:
        """The same with values in the place of the names in braces of its message."""
        words, message = {"message": [("verdict", self.message)]}, fill(self.message, fields)
        return dataclasses.replace(self, message=message, case=case, words=words, fields=fields)

    def in_words(self, words: NullTranslations) -> Self:
        """The same in another language, as far as it is known there."""
        texts = {part: getattr(self, part) for part in ("message", "case", "hint")}
        for part, text in texts.items():
            parts = self.words.get(part, [("verdict", text)])
            texts[part] = translated(words, text, parts, self.fields)
        return dataclasses.replace(self, **texts)

    def __str__(self) -> str:
        """All of it as plain text."""
        hint = self.hint and f"Hint: {self.hint}"
        code = self.code and f"[{self.code}]"
        return "\n".join(filter(None, (self.message, self.case, hint, code)))


@dataclass(frozen=True)
class RuleViolation:
    """One place where a submission breaks a rule of its assignment."""

    rule: str  # stable short name
    title: str  # the rule in words
    cell: str  # grade id, or words that name the cell
    line: int | None  # within the cell, from 1; None if there is no single one
    message: str  # what was found, and what to do
    words: list = field(default_factory=list)  # of the message: contexts and templates
    fields: dict[str, str] = field(default_factory=dict)  # what stands in their braces

    def text(self, words: NullTranslations = ENGLISH) -> str:
        """The violation in a language."""
        place = in_words(words, self.cell)
        if self.line is not None:
            place += fill(words.pgettext("place", ", line {line}"), {"line": self.line})
        title = words.pgettext(self.rule, self.title)
        message = translated(words, self.message, self.words, self.fields)
        return " ".join(f"{place}: {title}. {message}".split())

    __str__ = text


@dataclass(frozen=True)
class Repair:
    """What had to be put right before a notebook could run."""

    code: str  # a key of `REPAIRS`
    cells: tuple[str, ...] = ()  # names of the cells, if they have names
    count: int = 0  # of cells without names
    detail: str = ""  # fills the gap in some sentences

    @property
    def heading(self) -> str:
        """What it stands under on a page: not all that is found can be repaired."""
        return "Handed in" if self.code in _FOUND else "Repaired"

    def text(self, words: NullTranslations = ENGLISH) -> str:
        """The repair in a language."""
        number = len(self.cells) or self.count
        sentence = words.pgettext("repair", REPAIRS[self.code]).format(
            answers=counted(number, "answer", words),
            cells=counted(number, "cell", words),
            detail=in_words(words, self.detail),
        )
        if self.cells:
            sentence += f": {', '.join(self.cells[:_SHOWN])}"
            if number > _SHOWN:
                more = words.pgettext("place", " and {number} more")
                sentence += fill(more, {"number": number - _SHOWN})
            sentence += "."
        return " ".join(sentence.split())

    __str__ = text


REPAIRS = WORDS["repairs"]
"""Sentences by code."""
_FOUND = frozenset(["other-notebook", "answer-missing", "odd-place", "skipped"])
_SHOWN = 6  # names of cells


@dataclass(frozen=True)
class Attempt:
    """One of the attempts of a student whose submissions are graded as they arrive."""

    number: int  # of this assignment, from 1
    submitted: str  # when, in words; empty if nobody knows
    left: int | None = None  # how many more can be graded before `again`; None: no limit
    again: str = ""  # when there is one more, in words


@dataclass(frozen=True)
class Facts:
    """The facts about a submission as a whole."""

    failure: str = ""  # why nothing could be graded
    repairs: list[Repair] = field(default_factory=list)
    violations: list[RuleViolation] = field(default_factory=list)
    submission: str = ""  # digest of what was handed in
    verdicts: dict[str, Verdict] = field(default_factory=dict)  # by grade id of the test
    attempt: Attempt | None = None  # where attempts are counted

    def elsewhere(self, answers: Collection[str]) -> list[RuleViolation]:
        """Broken rules outside the answers, but for those that a repair tells of as well."""
        repaired = {repair.code for repair in self.repairs}
        return [v for v in self.violations if v.cell not in answers and v.rule not in repaired]

    def in_words(self, words: NullTranslations) -> Self:
        """The same in another language, but for what says itself in words."""
        verdicts = {test: verdict.in_words(words) for test, verdict in self.verdicts.items()}
        return dataclasses.replace(self, failure=in_words(words, self.failure), verdicts=verdicts)

    def store(self, notebook: NotebookNode) -> None:
        """Write the facts into the metadata of an executed notebook."""
        content = json.loads(json.dumps(dataclasses.asdict(self)))
        verdicts = content.pop("verdicts")
        notebook.metadata.autograder = NotebookNode(content)
        for cell in notebook.cells:
            if verdict := verdicts.get(grade_id(cell)):
                cell.metadata.autograder.update(verdict)

    @classmethod
    def of(cls, notebook: dict[str, Any]) -> Self | None:
        """Read the facts of an executed notebook; None if it was not graded here."""
        stored = notebook["metadata"].get("autograder")
        if stored is None:
            return None
        repairs = [one for one in stored["repairs"] if one["code"] in REPAIRS]  # of this version
        return cls(
            stored["failure"],
            [Repair(**{**repair, "cells": tuple(repair["cells"])}) for repair in repairs],
            [RuleViolation(**violation) for violation in stored["violations"]],
            stored["submission"],
            {
                grade_id(cell): Verdict(**{n: ours[n] for n in _VERDICT if n in ours})
                for cell in notebook["cells"]
                if "passed" in (ours := cell["metadata"].get("autograder", {}))
            },
            Attempt(**attempt) if (attempt := stored.get("attempt")) else None,
        )

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read the facts from an executed notebook's file; None if there are none."""
        try:
            return cls.of(json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def is_result_of(path: Path, submission: str) -> bool:
    """Whether the file of an executed notebook was made of the submission with this digest.

    It is searched and not parsed, which takes a hundred times as long: within a text that a student
    wrote, no quotation mark stands without a backslash. A file that was cut off is no result.
    """
    content = path.read_bytes()
    found = f'"submission": "{submission}"'.encode() in content
    return found and content.rstrip().endswith(b"}")


def comment_on_answer(
    verdicts: dict[str, Verdict],
    violations: Iterable[RuleViolation],
    penalty: float = 0,
    about_notebook: Iterable[RuleViolation | Repair] = (),
) -> str:
    """The automatic comment under an answer, as plain text for people; empty if all is right."""
    blocks = [
        f"{test}: {verdict}" if len(verdicts) > 1 else str(verdict)
        for test, verdict in verdicts.items()
        if str(verdict) and not all(one.passed for one in verdicts.values())  # the score says so
    ]
    rules = [f"Rule: {violation}" for violation in violations]
    if penalty:
        rules.append(f"Points taken off for this: {penalty:g}.")
    about = [
        f"{fact.heading if isinstance(fact, Repair) else 'Rule'}: {fact}" for fact in about_notebook
    ]
    blocks += ["\n".join(rules), "\n".join(["About the whole notebook:", *about]) if about else ""]
    return "\n\n".join(block for block in blocks if block)


_VERDICT = [one.name for one in dataclasses.fields(Verdict)]
