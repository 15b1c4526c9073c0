"""Make the course in another language, in build/: ``make assignment LANGUAGE=vi``.

A cell of the notebook is translated piece by piece: each block of a text cell, and in code each
comment and each text that a learner reads. All else, formulas and statements first of all, stays
as it is.
"""

from __future__ import annotations

import ast
import gettext
import io
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

Translate = Callable[[str], str]

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = Path("source", "Initialization")
NOTEBOOK = "Initialization.ipynb"
STUB = re.compile(r"(?<=pass  # ).+?(?=\\n)")  # the comment in a cell that waits for an answer

# What a translation keeps as it is.
KEPT = {
    "formula": re.compile(r"\$\$.+?\$\$|(?<![\\$])\$[^$\n]+\$", re.DOTALL),
    "code span": re.compile(r"`[^`\n]+`|<code>.*?</code>"),
    "link target": re.compile(r"\]\([^)\s]+\)"),
    "HTML tag": re.compile(r"</?[a-z][^<>]*>"),
    "field": re.compile(r"\{[^{}]*\}"),
}
_WORD = re.compile(r"(?<![\w.\\])[^\W\d_]{3,}(?!\w|\.\w|\()")
# Modules with texts for learners. A single word is a text where it is no value for the program.
MODULES = [
    *(Path("lesson", f"{name}.py") for name in "box experiments film guess kernel".split()),
    *(Path("lesson", f"{name}.py") for name in "laboratory network pictures results".split()),
    *(Path("lesson", f"{name}.py") for name in ("rules", "volume")),
    Path("init_utils.py"),
]
LABELS = {
    "experiments": {"cost", "range", "{np.median(values[i]):.2g} at c = {factors[i]:.2g}"},
    "film": {"Zeros", "iteration", "cost"},
    "init_utils": {"cost", "initialization"},
    "kernel": {"right"},
    "laboratory": {"Activations", "Cost", "cost", "now", "Train", "Stop"},
    "results": {"Together"},
    "volume": {"after", "volume", "cost"},
}
# The pages, and what in them is words.
PAGES = Path("lesson", "pages.toml")
PAGE = re.compile(
    r'(?<=")(?:Play|Pause|What the sentence [^"]+)(?=")|Your guess: (?=<b>)'
    r"|(?:(?<=<p>)|(?<=<legend>)|(?<=<summary>))[^<$]*\w[^<$]*"
)
# Texts for programs, and names of cells, which the grader reads.
_NO_WORDS = re.compile(
    r"(\w+ left|row wrap|:root|from __future__|python -m|Check a saved|ValueError: )"
    r"|(code )?cell \{|<meta "
)
_UNSEEN = re.compile(r"### BEGIN (HIDDEN TESTS|SOLUTION).*?### END \1", re.DOTALL)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_STRING = re.compile(r"([A-Za-z]*)(\"\"\"|'''|\"|')(.*)\2", re.DOTALL)


def translated(cell: dict, translate: Translate) -> str:
    """The source of a cell, with each of its pieces translated."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "code":
        return _code(source, translate, {"constant"})
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


def translated_module(path: Path, translate: Translate) -> str:
    """The source of a module, with each text translated that a learner reads."""
    labels = LABELS.get(path.stem, set())
    source = (PROJECT / path).read_text(encoding="utf-8")
    return _code(source, translate, labels, of_module=True)


def _code(source: str, translate: Translate, labels: set[str], of_module: bool = False) -> str:
    unseen = [match.span() for match in _UNSEEN.finditer(source)]
    result, done = "", 0
    for start, end, make in _pieces(_python(source), labels, of_module):
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


def _pieces(
    python: str, labels: set[str], of_module: bool
) -> Iterator[tuple[int, int, Callable[[Translate], str]]]:
    """Start and end of each comment and text, and what makes its translation.

    In a module, which only the curious read, comments and docstrings stay as they are.
    """
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
        if kind in ("STRING", "FSTRING_END") and not depth:  # strings side by side are one text
            before, last = found[-2:] if len(found) > 1 else (None, found[-1])
            if before and before[0][0] == "text" and not python[before[2] : last[1]].strip():
                found[-1] = (before[0], *last[1:])
    for (kind, _), group in groupby(found, key=lambda one: one[0]):
        parts = list(group)
        start, end, column = parts[0][1], parts[-1][2], parts[0][3]
        if kind != "text":
            if not of_module:
                yield start, end, _comment(python[start:end], column)
            continue
        strings = [_STRING.fullmatch(python[part[1] : part[2]]).groups() for part in parts]
        prefix, quote, words = (max(strings)[0], strings[0][1], "".join(s[2] for s in strings))
        if len(quote) == 3:
            if not of_module:
                yield start, end, _docstring(prefix + quote, words, column)
        elif "r" in prefix or (of_module and _NO_WORDS.match(words)):
            continue
        elif (" " in words and has_words(words)) or words in labels:
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


# The course ---------------------------------------------------------------------------------------


def make_course(language: str, catalogue: Path, folder: Path) -> None:
    """Write source/ and nbgrader_config.py of a course whose words come from a catalogue."""
    with open(catalogue, "rb") as file:
        words = gettext.GNUTranslations(file)
    ours, source = PROJECT / SOURCE, folder / SOURCE
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ours, source, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*"))
    shutil.copy(catalogue, source / "lesson" / "edition.mo")
    for module in MODULES:
        text = translated_module(module, lambda text, one=module.stem: words.pgettext(one, text))
        (source / module).write_text(text, encoding="utf-8")
    pages = (PROJECT / PAGES).read_text(encoding="utf-8")
    pages = PAGE.sub(lambda found: words.pgettext("pages", found[0]), pages)
    (source / PAGES).write_text(pages, encoding="utf-8")
    notebook = json.loads((ours / NOTEBOOK).read_text(encoding="utf-8"))
    anchors: dict[str, str] = {}
    for cell in notebook["cells"]:
        english = "".join(cell["source"])
        cell["source"] = translated(cell, lambda text, cell=cell: words.pgettext(cell["id"], text))
        if cell["cell_type"] == "markdown":
            headings = map(_HEADING.findall, (english, cell["source"]))
            anchors |= {_anchor(one): _anchor(other) for one, other in zip(*headings, strict=True)}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = re.sub(
                r"(?<=\]\(#)[^)\s]+", lambda link: anchors[link[0]], cell["source"]
            )
        cell["source"] = cell["source"].splitlines(keepends=True)
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    (source / NOTEBOOK).write_text(text, encoding="utf-8")
    settings = (PROJECT / "nbgrader_config.py").read_text(encoding="utf-8")
    settings = STUB.sub(lambda stub: words.pgettext("stub", stub[0]), settings)
    settings, count = re.subn(
        r"^(configure\(c, .*)\)$", rf'\1, language="{language}")', settings, flags=re.MULTILINE
    )
    assert count == 1, "nbgrader_config.py calls configure in another way"
    (folder / "nbgrader_config.py").write_text(settings, encoding="utf-8")


def _anchor(heading: str) -> str:
    """What JupyterLab makes of a heading, for links."""
    return heading.replace(" ", "-")


def main(language: str) -> None:
    """Make the course in a language, and generate its release."""
    catalogue = PROJECT / "lesson" / "locale" / f"{language}.mo"
    if not catalogue.is_file():
        there = ", ".join(sorted(path.stem for path in catalogue.parent.glob("*.mo")))
        sys.exit(f"There is no catalogue for the language {language!r}; there are: {there}.")
    folder = PROJECT / "build" / language
    make_course(language, catalogue, folder)
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", SOURCE.name, "--force"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}  # where the autograder is
    done = subprocess.run(command, cwd=folder, env=environment)
    if done.returncode:
        sys.exit(done.returncode)
    print(f"The course is in {folder.relative_to(PROJECT)}/.")


if __name__ == "__main__":
    main(sys.argv[1])
