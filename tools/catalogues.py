"""Collect the words of both products, and bring the catalogues of all languages up to date.

python -m tools.catalogues

docs/translating.md says how a language is added.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from autograder import facts
from lesson import causes, guess, kernel, rules
from tools.edition import KEPT, NOTEBOOK, PROJECT, SOURCE, STUB, translated

NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)  # so that the same words give the same files
HEADER = """# All words of one product; docs/translating.md says how they are translated.
# A message has the context of its place: a cell, a diagnosis, a rule, or a module."""
# Lines of a header that nobody fills in, or that differ each time.
NOISE = re.compile(rb'^"(?!Language: |MIME|Content|Plural).*\\n"\n', re.MULTILINE)

Found = Iterator[tuple[str, str, str]]  # file, context, text


def words_of_lesson() -> Found:
    notebook = SOURCE / NOTEBOOK
    for cell in json.loads((PROJECT / notebook).read_text(encoding="utf-8"))["cells"]:
        texts: list[str] = []
        translated(cell, lambda text, texts=texts: texts.append(text) or text)
        yield from ((notebook.as_posix(), cell["id"], text) for text in texts)
    stub = STUB.search((PROJECT / "nbgrader_config.py").read_text(encoding="utf-8"))
    yield "nbgrader_config.py", "stub", stub[0]
    for code, row in causes.ROWS.items():
        yield from (("lesson/causes.toml", code, row[one]) for one in ("meaning", "hint"))
    for context, table in (("place", causes.PLACES), ("case", causes.CASES)):
        yield from (("lesson/causes.py", context, text) for text in table.values() if text)
    yield "lesson/causes.py", "hidden", causes.HIDDEN
    for code, text in (*rules.RULES.items(), *rules.SENTENCES.items()):
        yield "lesson/rules.toml", code, text
    for question in guess.QUESTIONS.values():
        texts = [question["question"], *chain(*question["replies"].items())]
        yield from (("lesson/guess.toml", "guess", text) for text in texts)
    yield from (("lesson/kernel.py", "kernel", text) for text in kernel.ENDS.values())
    paths = [*sorted(PROJECT.glob("lesson/*.py")), *PROJECT.glob("init_utils.py")]
    yield from _words_in_python([*paths, PROJECT / "public_tests.py"])


def words_of_autograder() -> Found:
    for text in facts.REPAIRS.values():
        yield "autograder/facts.py", "repair", text
    yield from _words_in_python(sorted(PROJECT.glob("autograder/**/*.py")))


def _words_in_python(paths: list[Path]) -> Found:
    """What stands in calls such as translate("context", "text")."""
    for path in paths:
        found = extract_from_file("python", path, {"translate": ((1, "c"), 2)})
        for _, text, _, context in found:
            yield path.relative_to(PROJECT).as_posix(), context, text


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
        if not message.string:
            yield "missing", message
        elif message.fuzzy:
            yield "fuzzy", message
        else:
            for kind, pattern in KEPT.items():
                ours, theirs = (
                    sorted(match[0] for match in pattern.finditer(text))
                    for text in (message.id, message.string)
                )
                if ours != theirs:
                    yield f"other {kind}", message
            edges = [(text[0] == " ", text[-1] == " ") for text in (message.id, message.string)]
            if edges[0] != edges[1]:
                yield "other blank at an end", message


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
