"""The automatic comment under an answer: plain text for people, which the report can read back.

The text holds words of the student (names, lines of code, messages of exceptions). Pages must
escape it, and only the last line in brackets counts as the code: all that a student can make the
message contain stands before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CODE_LINE = re.compile(r"\[([\w-]+)\]")
_RULE, _REPAIR, _ABOUT = "Rule: ", "Repair: ", "About the whole notebook:"


@dataclass(frozen=True)
class Comment:
    """What an automatic comment says.

    Attributes
    ----------
    message : str
        The diagnosis, with its hint if there is one.
    code : str
        Stable short name of the mistake; empty if the tests passed.
    findings : tuple of str
        Where the answer breaks the rules for submissions.
    penalty : str
        What the findings cost; empty if they cost nothing.
    notebook_findings, repairs : tuple of str
        Findings outside the answers, and what had to be repaired. They stand under the first
        answer only.
    """

    message: str = ""
    code: str = ""
    findings: tuple[str, ...] = ()
    penalty: str = ""
    notebook_findings: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()

    def __str__(self) -> str:
        diagnosis = self.message
        if self.code and not self.message.endswith(f"\n[{self.code}]"):
            diagnosis += f"\n[{self.code}]"
        rules = [_RULE + _one_line(finding) for finding in self.findings]
        about = [_REPAIR + _one_line(repair) for repair in self.repairs]
        about += [_RULE + _one_line(finding) for finding in self.notebook_findings]
        blocks = [
            diagnosis,
            "\n".join([*rules, self.penalty]).strip(),
            "\n".join([_ABOUT, *about]) if about else "",
        ]
        return "\n\n".join(block for block in blocks if block)

    @classmethod
    def parse(cls, text: str | None) -> Comment:
        """Read a comment back, also one that grading did not write."""
        lines = (text or "").split("\n")
        code_lines = [n for n, line in enumerate(lines) if _CODE_LINE.fullmatch(line)]
        if code_lines:
            end = code_lines[-1]
            code = _CODE_LINE.fullmatch(lines[end])[1]
            message, rest = lines[:end], lines[end + 1 :]
        else:
            end = next((n for n, line in enumerate(lines) if not line), len(lines))
            code, message, rest = "", lines[:end], lines[end:]
        split = rest.index(_ABOUT) if _ABOUT in rest else len(rest)
        answer, about = rest[:split], rest[split:]
        return cls(
            message="\n".join(message),
            code=code,
            findings=_after(_RULE, answer),
            penalty="\n".join(line for line in answer if line and not line.startswith(_RULE)),
            notebook_findings=_after(_RULE, about),
            repairs=_after(_REPAIR, about),
        )

    @property
    def text(self) -> str:
        """The message without its hint."""
        return self.message.partition("\nHint: ")[0]

    @property
    def hint(self) -> str:
        """The hint in words; empty if there is none."""
        return self.message.partition("\nHint: ")[2]

    @property
    def headline(self) -> str:
        """The first sentence of the message."""
        first_line = self.message.split("\n")[0]
        return re.split(r"(?<=[.!?]) (?=[A-Z])", first_line)[0]


def cell_of(finding: str) -> str:
    """Name of the cell that a finding of `submission_rules`, as text, is about."""
    return re.split(r", line \d+: |: ", finding, maxsplit=1)[0]


def _after(mark: str, lines: list[str]) -> tuple[str, ...]:
    return tuple(line.removeprefix(mark) for line in lines if line.startswith(mark))


def _one_line(text: str) -> str:
    return " ".join(text.split())
