"""Collect the words of both products, and bring the catalogues of all languages up to date.

python -m tools.catalogues

docs/translating.md says how a language is added.
"""

from __future__ import annotations

import ast
import io
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from autograder.language import WORDS
from lesson import causes, guess, rules
from tools import edition
from tools.edition import KEPT, MODULES, NOTEBOOK, PAGE, PAGES, PROJECT, SOURCE, STUB
from tools.site import FIRST_PAGE, PARTS

NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)  # so that the same words give the same files
HEADER = """# All words of one product; docs/translating.md says how they are translated.
# A message has the context of its place: a cell, a diagnosis, a rule, or a module."""
# Lines of a header that nobody fills in, or that differ each time.
NOISE = re.compile(rb'^"(?!Language: |MIME|Content|Plural).*\\n"\n', re.MULTILINE)

Found = Iterator[tuple[str, str, str | tuple[str, str]]]  # file, context, text or its two numbers
INSIDE = "autograder/grading/calibration.toml"
REASON = re.compile(
    r"(?!.*[ (]$)(this code|the ((Python )?process|time|folder of)|its (check|metadata)"
    r"|to read the code|The (file is|file has|notebook (has|had|asked)|rules were|code must)"
    r"|The folder holds|Its folder|in the line:|it is a link,|there is no file(?=.+\.$)"
    r"|While the tests ran:(?= \{evalue)|\{detail\};|a (ZIP|gzip|PDF|web)"
    r"|\{name\}(\.ipynb)? (has|is (a|not)|cannot be opened:)"
    r"|bytes with(out)?|characters in one) .+|outputs|lines|cells"
)
CELLS = ("code cell {number}", "cell {number}", "notebook")  # names of cells without a grade id
FIELDS = ("start", "activation", "seed")  # names of choices in the laboratory


def words_of_lesson() -> Found:
    notebook = SOURCE / NOTEBOOK
    for cell in json.loads((PROJECT / notebook).read_text(encoding="utf-8"))["cells"]:
        texts: list[str] = []
        edition.translated(cell, lambda text, texts=texts: texts.append(text) or text)
        yield from ((notebook.as_posix(), cell["id"], text) for text in texts)
    for path in MODULES:
        texts = []
        edition.translated_module(path, lambda text, texts=texts: texts.append(text) or text)
        yield from ((path.as_posix(), path.stem, text) for text in texts)
    pages = (PROJECT / PAGES).read_text(encoding="utf-8")
    yield from ((PAGES.as_posix(), "pages", text) for text in PAGE.findall(pages))
    stub = STUB.search((PROJECT / "nbgrader_config.py").read_text(encoding="utf-8"))
    yield "nbgrader_config.py", "stub", stub[0]
    yield from (("tools/site.py", "site", part[2]) for part in PARTS.finditer(FIRST_PAGE))
    for code, row in causes.ROWS.items():
        yield from (("lesson/causes.toml", code, row[one]) for one in ("meaning", "hint"))
    for context in ("place", "case"):
        texts = causes.WORDS[f"{context}s"].values()
        yield from (("lesson/causes.toml", context, text) for text in texts)
    yield "lesson/causes.toml", "hidden", causes.WORDS["hidden"]
    for code, text in (*rules.RULES.items(), *rules.SENTENCES.items()):
        yield "lesson/rules.toml", code, text
    yield from (("lesson/rules.py", "value", text) for text in CELLS)
    yield "public_tests.py", "verdict", "All tests passed."
    yield from (("lesson/laboratory.py", "laboratory", text) for text in FIELDS)
    for question in guess.QUESTIONS.values():
        texts = [question["question"], *chain(*question["replies"].items())]
        yield from (("lesson/guess.toml", "guess", text) for text in texts)


def words_of_autograder() -> Found:
    verdicts = WORDS["verdicts"].values()
    for context, texts in (
        ("repair", WORDS["repairs"].values()),
        ("notice", WORDS["notices"].values()),
        ("report", WORDS["report"].values()),
        ("verdict", (said["message"] for said in verdicts)),
        ("verdict", (said.get("hint", "") for said in verdicts)),
    ):
        yield from (("autograder/words.toml", context, text) for text in texts)
    for path in sorted(PROJECT.glob("autograder/**/*.py")):
        yield from _in_calls(path, {"pgettext", "Verdict", "counted"})
    inside = tomllib.loads((PROJECT / INSIDE).read_text(encoding="utf-8"))
    for one in (inside, *inside["reasons"].values()):
        yield from ((INSIDE, "report", one[key]) for key in ("words", "advice") if key in one)
    yield from _reasons()
    for path in sorted(PROJECT.glob("autograder/templates/*.j2")):
        name, text = path.relative_to(PROJECT).as_posix(), path.read_text(encoding="utf-8")
        context = path.name.partition(".")[0]
        yield from ((name, context, found) for found in re.findall(r'\b_\("(.+?)"[,)]', text))
        yield from (
            (name, "count", _numbers(one)) for one in re.findall(r'counted\("(.+?)", words', text)
        )


def _reasons() -> Found:
    """Why a process has ended, a file cannot be read or rules were not checked; and where."""
    for path in sorted(PROJECT.glob("autograder/[cgs]*/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = _template(node)
            if REASON.fullmatch(text) and (" " in text or path.stem == "notebook"):
                context = "not-checked" if text.startswith("The code must") else "value"
                yield path.relative_to(PROJECT).as_posix(), context, text


def _template(node: ast.AST) -> str:
    """A text of a program, with the last name of each expression in braces."""
    if not isinstance(node, ast.JoinedStr):
        return str(node.value) if isinstance(node, ast.Constant) else ""
    fields = (one for one in node.values if isinstance(one, ast.FormattedValue))
    names = [re.findall(r"[A-Za-z_]+", ast.unparse(one.value))[-1] for one in fields]
    texts = (one.value if isinstance(one, ast.Constant) else None for one in node.values)
    return "".join(f"{{{names.pop(0)}}}" if one is None else one for one in texts)


def _in_calls(path: Path, functions: set[str]) -> Found:
    """The words in calls of some functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        texts = [one.value for one in given if isinstance(one, ast.Constant)]
        if name not in functions or not texts:
            continue
        file = path.relative_to(PROJECT).as_posix()
        if name == "pgettext":
            yield from ((file, *pair) for pair in [texts] if len(pair) == 2)
        elif name == "counted" and len(given) > 2:  # on a page; on a terminal it is English
            yield file, "count", _numbers(texts[0])
        elif name != "counted":
            yield from ((file, "verdict", text) for text in texts if " " in str(text))


def _numbers(noun: str) -> tuple[str, str]:
    """Singular and plural, as `counted` says them."""
    return f"{{number}} {noun}", f"{{number}} {noun}s"


EQUAL = KEPT | {"blank at an end": re.compile(r"\A | \Z")}
PRODUCTS: dict[str, Callable[[], Found]] = {
    "lesson": words_of_lesson,
    "autograder": words_of_autograder,
}


def template(product: str) -> Catalog:
    """All words of a product."""
    catalog = Catalog(header_comment=HEADER, creation_date=NO_DATE, fuzzy=False)
    for file, context, text in PRODUCTS[product]():
        if text:
            catalog.add(text, context=context, locations=[(file, None)])
    return catalog


def read(path: Path) -> Catalog:
    """Read the catalogue of a language, whose name is that of the file."""
    with open(path, "rb") as file:
        return read_po(file, locale=path.stem)


def problems(catalog: Catalog) -> Iterator[tuple[str, Message]]:
    """What is wrong with the translations, each in a word or two, and with which."""
    for message in catalog:
        if not message.id:
            continue
        texts = message.string if isinstance(message.string, tuple) else [message.string]
        if not all(texts):
            yield "missing", message
        elif message.fuzzy:
            yield "fuzzy", message
        else:
            english = message.id if isinstance(message.id, str) else message.id[-1]
            for kind, kept in EQUAL.items():
                found = [sorted(one[0] for one in kept.finditer(t)) for t in (english, *texts)]
                if any(one != found[0] for one in found):
                    yield f"other {kind}", message


def update(folder: Path, words: Catalog) -> list[str]:
    """Bring the template and the languages of a folder up to date; say what is wrong with them."""
    _write(folder / "messages.pot", words)
    said = []
    for path in sorted(folder.glob("*.po")):
        catalog, name = read(path), "/".join(path.parts[-3:])
        catalog.update(words, update_header_comment=True)
        catalog.fuzzy, catalog.creation_date, catalog.revision_date = False, NO_DATE, NO_DATE
        _write(path, catalog)
        with open(path.with_suffix(".mo"), "wb") as file:
            write_mo(file, catalog)
        found = list(problems(catalog))
        kinds = [kind for kind, _ in found]
        said += [
            f"{name}: {message.context}: {kind}: {message.id!r}"
            for kind, message in found
            if kind not in ("missing", "fuzzy")
        ]
        wrong = len(kinds) - kinds.count("missing") - kinds.count("fuzzy")
        print(
            f"{name}: {len(catalog)} messages, {kinds.count('missing')} missing, "
            f"{kinds.count('fuzzy')} fuzzy, {wrong} wrong"
        )
    return said


def _write(path: Path, catalog: Catalog) -> None:
    for message in catalog:
        message.flags &= {"fuzzy"}  # no format of Python, whatever Babel takes a percent sign for
    text = io.BytesIO()
    write_po(text, catalog, width=0, ignore_obsolete=True, include_lineno=False)
    head, _, rest = text.getvalue().partition(b"\n\n")
    path.write_bytes(NOISE.sub(b"", head + b"\n") + b"\n" + rest)


def main() -> None:
    said = [
        text
        for product in PRODUCTS
        for text in update(PROJECT / product / "locale", template(product))
    ]
    sys.exit("\n".join(said) or 0)


if __name__ == "__main__":
    main()
