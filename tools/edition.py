"""The notebook in another language: which pieces of a cell are words, and their translation.

A cell is translated piece by piece: each block of a text cell, and in code each comment and each
text that a learner reads. All else, formulas and statements first of all, stays as it is.
"""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterator
from itertools import groupby

Translate = Callable[[str], str]

# What a translation keeps as it is.
KEPT = {
    "formula": re.compile(r"\$\$.+?\$\$|(?<![\\$])\$[^$\n]+\$", re.DOTALL),
    "code span": re.compile(r"`[^`\n]+`|<code>.*?</code>"),
    "link target": re.compile(r"\]\([^)\s]+\)"),
    "HTML tag": re.compile(r"</?[a-z][^<>]*>"),
    "field": re.compile(r"\{[^{}]*\}"),
}
_WORD = re.compile(r"(?<![\w.\\])[^\W\d_]{3,}(?!\w|\.\w|\()")
_LABELS = {"constant"}  # a single word that labels a row, and is no value for the program
_UNSEEN = re.compile(r"### BEGIN (HIDDEN TESTS|SOLUTION).*?### END \1", re.DOTALL)
_STRING = re.compile(r"([A-Za-z]*)(\"\"\"|'''|\"|')(.*)\2", re.DOTALL)


def translated(cell: dict, translate: Translate) -> str:
    """The source of a cell, with each of its pieces translated."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "code":
        return _code(source, translate)
    return "".join(translate(one) if has_words(one) else one for one in blocks(source))


def has_words(text: str) -> bool:
    """Whether anything in a text is there to be translated."""
    for kept in KEPT.values():
        text = kept.sub(" ", text)
    return _WORD.search(text) is not None


def blocks(source: str) -> list[str]:
    """Split a text cell at its blank lines, outside of formulas and fences; keep these as well."""
    parts, is_open_until = [], ""
    for part in re.split(r"(\n[ \t]*\n\s*)", source):
        if is_open_until:
            parts[-1] += part
        else:
            parts.append(part)
        for mark in re.findall(r"^ *```|\$\$", part, re.MULTILINE):
            mark = mark.strip()
            is_open_until = "" if mark == is_open_until else is_open_until or mark
    return parts


def _code(source: str, translate: Translate) -> str:
    unseen = [match.span() for match in _UNSEEN.finditer(source)]
    result, done = "", 0
    for start, end, make in _pieces(_python(source)):
        if not any(first <= start < last for first, last in unseen):
            result += source[done:start] + make(translate)
            done = end
    result += source[done:]
    if _statements(result) != _statements(source):
        raise ValueError(f"the translation changes what this cell does:\n{result}")
    return result


def _python(source: str) -> str:
    """The source of a cell with blanks in the place of its magics."""
    return re.sub(r"^%.*", lambda line: " " * len(line[0]), source, flags=re.MULTILINE)


def _pieces(python: str) -> Iterator[tuple[int, int, Callable[[Translate], str]]]:
    """Start and end of each comment and text, and what makes its translation."""
    starts = [0]
    for line in python.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found, depth = [], 0
    for token in tokenize.generate_tokens(io.StringIO(python).readline):
        kind = tokenize.tok_name[token.type]
        start, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        if kind == "COMMENT" and not token.string.startswith("##"):  # those are for nbgrader
            alone = not token.line[: token.start[1]].strip()
            line = token.start[0] - len(found)  # equal in comments one below the other
            found.append(((alone, line if alone else start), start, end, token.start[1]))
        elif kind in ("STRING", "FSTRING_START"):  # Python 3.12 takes an f-string to pieces
            if not depth:
                found.append((("text", start), start, end, token.start[1]))
            depth += kind == "FSTRING_START"
        elif kind == "FSTRING_END":
            depth -= 1
            if not depth:
                key, start, _, column = found.pop()
                found.append((key, start, end, column))
    for (kind, _), group in groupby(found, key=lambda one: one[0]):
        parts = list(group)
        start, end, column = parts[0][1], parts[-1][2], parts[0][3]
        if kind != "text":
            yield start, end, _comment(python[start:end], column)
            continue
        prefix, quote, words = _STRING.fullmatch(python[start:end]).groups()
        if len(quote) == 3:
            yield start, end, _docstring(prefix + quote, words, column)
        elif (" " in words and has_words(words)) or words in _LABELS:
            yield start, end, _text(prefix, quote, words)


def _comment(text: str, column: int) -> Callable[[Translate], str]:
    words = "\n".join(line.strip().removeprefix("#").strip() for line in text.splitlines())
    margin = "\n" + " " * column + "# "
    return lambda translate: "# " + translate(words).replace("\n", margin)


def _docstring(opening: str, words: str, column: int) -> Callable[[Translate], str]:
    first, newline, rest = words.partition("\n")
    text, margin = (first + newline + textwrap.dedent(rest)).strip(), " " * column
    closing = f"\n{margin}" if newline else ""

    def make(translate: Translate) -> str:
        return f"{opening}{textwrap.indent(translate(text), margin).strip()}{closing}{opening[-3:]}"

    return make


def _text(prefix: str, quote: str, words: str) -> Callable[[Translate], str]:
    def make(translate: Translate) -> str:
        return prefix + quote + re.sub(rf"(?<!\\){quote}", rf"\\{quote}", translate(words)) + quote

    return make


def _statements(source: str) -> str:
    """What a cell does: its syntax tree without the words in it."""
    tree = ast.parse(_python(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            fields = [one for one in node.values if isinstance(one, ast.FormattedValue)]
            node.values = sorted(fields, key=ast.dump)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)
