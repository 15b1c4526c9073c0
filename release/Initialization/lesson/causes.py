"""The table of causes in `causes.toml`, and what is said of a wrong answer."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from lesson.files import read_table

TABLE = read_table("causes.toml")
WORDS = TABLE.pop("words")
ROWS = {code: row for group in TABLE.values() for code, row in group.items() if "meaning" in row}


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, as data; the words are made when they are asked for."""

    code: str  # the row of the table
    fields: dict = field(default_factory=dict)  # values for the braces of its sentences
    shown: str = "dims"  # the case of the table that says what was found, with its numbers

    @property
    def words(self) -> dict[str, list[tuple[str, str]]]:
        """Message, case and hint: sentences, each with its context in a catalogue."""
        row, place = ROWS[self.code], WORDS["places"][self.fields.get("place", "")]
        case = WORDS["cases"][self.shown] if "dims" in self.fields else ""
        parts = {
            "message": [("place", place), (self.code, row["meaning"])],
            "case": [("case", case)],  # for one architecture, with numbers, if a call was made
            "hint": [(self.code, row["hint"])],
        }
        return {part: [one for one in said if one[1]] for part, said in parts.items()}

    @property
    def fields_in_words(self) -> dict:
        """The fields that stand in the message or the hint, and tell nothing of a hidden case."""
        words = str([self.words["message"], self.words["hint"]])
        return {k: v for k, v in self.fields.items() if f"{{{k}" in words or k == "place"}


def say(
    sentences: list[tuple[str, str]],
    fields: dict,
    translate: Callable[[str, str], str] = lambda context, text: text,
) -> str:
    """Fill in sentences, in English unless they are translated."""
    return " ".join(translate(*one).format(**fields) for one in sentences)


class Evidence:
    """What a row of the table asks about: attributes, and functions by name."""

    facts: ClassVar[dict[str, Callable]] = {}

    def __getattr__(self, name: str) -> object:
        if name not in self.facts:
            raise AttributeError(name)
        return self.facts[name](self)


def applying(group: str, evidence: object) -> Iterator[tuple[str, dict]]:
    """Code and fields of the rows of a group that the evidence confirms, in their order."""
    for code, row in TABLE[group].items():
        fields: dict = {}
        for name, condition in row.items():
            if name in ("meaning", "hint"):
                continue
            confirmed = _confirms(evidence, name, condition)
            if not confirmed and not isinstance(confirmed, dict):
                break
            fields |= confirmed if isinstance(confirmed, dict) else {}
        else:
            yield code, fields


def _confirms(evidence: object, name: str, condition: object) -> object:
    """Whether one condition of a row holds, or the fields that it gives."""
    if name in ("type", "error", "line", "value"):  # regular expressions
        search = re.fullmatch if name in ("type", "value") else re.search
        match = search(condition, getattr(evidence, name))
        return match and {k: v for k, v in match.groupdict().items() if v is not None}
    if name in ("code", "in_loop", "behind_loop"):
        return getattr(evidence.source, name)(condition)
    if name != "when":  # keys, shape, law, numbers
        return getattr(evidence, name)(condition)
    found: dict = {}
    for fact in condition.split(", "):
        value = evidence
        for part in fact.removeprefix("not ").split("."):
            value = getattr(value, part)
        if bool(value) == fact.startswith("not "):
            return None
        found |= value if isinstance(value, dict) else {}
    return found


def shorten(text: object, length: int) -> str:
    """The first line of a text, cut to a length, without a full stop at its end."""
    lines = str(text).strip().splitlines()
    line = lines[0].strip().removesuffix(".") if lines else ""
    return line if len(line) <= length else line[: length - 3] + "..."


def type_name(value: object) -> str:
    """The type of a value, and of the entries of an array, short enough for a message."""
    name = type(value).__name__
    if name == "ndarray":
        exact = type(value).__module__ == "numpy"
        kind = "text" if value.dtype.kind in "SU" else value.dtype
        return f"ndarray of {kind}" if exact else "ndarray of a special kind"
    # A placeholder of another process is all that is known of some arrays.
    of_type = re.fullmatch(r"ndarray \(of (\w+)\)", name)
    return f"ndarray of {of_type[1]}" if of_type else shorten(name, 40)
