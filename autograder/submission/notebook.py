"""Read the bytes of a submitted notebook into cells of a known form.

Nothing is executed here, nothing of the submission is trusted, and no text of a student is parsed
as Python: deep or large programs can exhaust or crash the parser.
"""

import codecs
import json
import re
from itertools import chain
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.facts import Repair

MAX_FILE_BYTES = 100 * 2**20  # nbgrader lets nobody submit more
MAX_BRACKETS = 4_000_000  # a few seconds of scanning
MAX_KEPT_BYTES = 4 * 2**20  # of the file without saved outputs and pictures
MAX_CELLS = 2_000
MAX_SOURCE = 500_000  # characters in a cell
MAX_LINES = 100_000  # in all cells: each becomes a string of its own in a notebook's file
MAX_OUTPUTS = 20_000

_OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"<": "a web page (HTML or XML)",
}

# Values of these names are cut out. Possessive quantifiers keep the scan linear.
_BULK = rb'"(?:outputs|attachments|widgets)"\s*+:\s*+[\[{]'
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# A row of strings has an end: Python 3.11.2 loses its place behind a possessive group.
_TO_BRACKET = re.compile(
    rb'[^"\[\]{}]*+(?:(?!%b)%b[^"\[\]{}]*+){0,1000}'
    rb"(?:(?P<bulk>%b)|(?P<open>[\[{])|(?P<close>[\]}]))?" % (_BULK, _STRING, _BULK),
    re.DOTALL,
)

_CELL_TYPES = ("code", "markdown", "raw", "heading")  # "heading" belongs to format 3
SETTINGS = ("grade_id", "grade", "solution", "locked", "points")
"""What is kept of nbgrader's settings of a cell, with the checksum."""


class Unreadable(Exception):
    """A submission that no notebook can be made of; the message is for the instructor."""


def read_submission(data: bytes, keep_outputs: bool = False) -> NotebookNode:
    """Read a submitted notebook, however damaged.

    The saved outputs are kept, text and pictures, only for grading without execution.
    """
    document = _parse(data, keep_outputs)
    entries = _cell_entries(document)
    _limit("cells", len(entries), MAX_CELLS)
    objects = [entry for entry in entries if isinstance(entry, dict)]
    _limit("outputs", sum(len(_only(list, entry.get("outputs"))) for entry in objects), MAX_OUTPUTS)
    cells = [_read_cell(entry) for entry in objects]
    longest = max((len(cell.source) for cell in cells), default=0)
    _limit("characters in one cell", longest, MAX_SOURCE)
    _limit("lines", sum(len(cell.source.splitlines()) for cell in cells), MAX_LINES)
    damaged = [entry for entry in entries if _only(dict, entry).get("cell_type") not in _CELL_TYPES]
    repairs = [Repair("cell-damaged", count=len(damaged))] if damaged else []

    metadata = _only(dict, document.get("metadata"))
    kernelspec = _only(dict, metadata.get("kernelspec"))
    language_info = _only(dict, metadata.get("language_info"))
    kernel = _text(kernelspec.get("name"))
    language = _text(language_info.get("name", kernelspec.get("language")))
    found = NotebookNode(kernel=kernel, language=language, repairs=repairs)
    return NotebookNode(metadata=found, cells=cells)


def _limit(what: str, number: int, limit: int) -> None:
    if number > limit:
        raise Unreadable(f"The notebook has {number} {what}; at most {limit} are read.")


def _parse(data: bytes, keep_outputs: bool) -> dict[str, Any]:
    """The JSON object in `data`, as a rule without outputs."""
    _limit("bytes", len(data), MAX_FILE_BYTES)
    data = data.removeprefix(codecs.BOM_UTF8)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise Unreadable("The file is encoded as UTF-16 or UTF-32; a notebook must be UTF-8.")
    start = data[:1000].lstrip()
    if not start and not data.strip():
        raise Unreadable("The file is empty.")
    for signature, name in _OTHER_FORMATS.items():
        if start.startswith(signature):
            raise Unreadable(f"The file is {name}, not a notebook.")

    if keep_outputs:
        _limit("bytes with its outputs", len(data), MAX_KEPT_BYTES)
    kept = data if keep_outputs else without_bulk(data)
    try:
        # Integers as floats, because int refuses those of more than 4300 digits. Not strict:
        # line ends inside of strings do no harm.
        document = json.loads(kept.decode("utf-8"), parse_int=float, strict=False)
    except UnicodeDecodeError:
        raise Unreadable("The file is not UTF-8 text.") from None
    except RecursionError:
        raise Unreadable("The file is nested too deeply to be a notebook.") from None
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"The file is not complete JSON ({error.msg}); it may have been cut off on its way "
            "or edited by hand."
        ) from None
    if not isinstance(document, dict):
        raise Unreadable("The file is JSON, but not a notebook: it holds no object.")
    return document


def without_bulk(data: bytes) -> bytes:
    """JSON text with emptied outputs, attachments and widget states.

    They are cut out before anything is decoded or parsed: the memory needed does not grow with
    them, and nothing in them can make a notebook unreadable.
    """
    parts = []  # that are kept
    start = position = depth = 0
    cut_depth = None  # depth around the value that is being cut out
    for _ in range(MAX_BRACKETS):
        if (bracket := _TO_BRACKET.match(data, position)).end() == position:
            break
        position = bracket.end()
        if bracket["close"]:
            depth -= 1
            if depth == cut_depth:
                start, cut_depth = position - 1, None
        elif bracket.lastgroup:
            if bracket["bulk"] and cut_depth is None:
                parts.append(slice(start, position))
                cut_depth = depth
            depth += 1
    else:
        raise Unreadable("The file has too many parts to be a notebook.")
    if cut_depth is None:
        parts.append(slice(start, len(data)))
    size = sum(part.stop - part.start for part in parts)
    _limit("bytes without its outputs", size, MAX_KEPT_BYTES)
    return b"".join(data[part] for part in parts)


def _cell_entries(document: dict[str, Any]) -> list[Any]:
    """The list of cells of a notebook in a format that we know; some do not name theirs."""
    version = document.get("nbformat", 4)
    if version in (3, "3"):
        sheets = _only(list, document.get("worksheets"))
        cells = (_only(list, _only(dict, sheet).get("cells")) for sheet in sheets)
        return list(chain.from_iterable(cells))
    if version not in (4, "4", None):
        shown = f"{version:g}" if isinstance(version, float) else repr(version)[:40]
        raise Unreadable(f"The notebook has format {shown}; only nbformat 4 and 3 can be read.")
    cells = document.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("The notebook has no list of cells.")
    return cells


def _read_cell(entry: dict[str, Any]) -> NotebookNode:
    """A cell from a JSON object with any content."""
    kind = entry.get("cell_type")
    metadata = _only(dict, entry.get("metadata"))
    tags = [tag for tag in _only(list, metadata.get("tags")) if isinstance(tag, str)]
    nbgrader = _only(dict, metadata.get("nbgrader"))
    settings = {
        key: nbgrader[key]
        for key in (*SETTINGS, "checksum")
        if isinstance(nbgrader.get(key), str | bool | float)
    }
    source = _text(entry.get("source", entry.get("input")))  # "input" belongs to format 3
    if kind == "heading":
        level = entry.get("level")
        kind, source = "markdown", "#" * int(level if level in range(1, 7) else 1) + " " + source
    return NotebookNode(
        id=_text(entry.get("id")),
        # A cell whose type was lost may be an answer, so the unknown ones count as code.
        cell_type=kind if kind in _CELL_TYPES else "code",
        metadata=NotebookNode(nbgrader=settings, tags=tags),
        source=source,
        outputs=_outputs(entry.get("outputs")),
    )


def _outputs(saved: Any) -> list[NotebookNode]:
    """Text and pictures of outputs that were saved; all else could run in somebody's browser."""
    outputs = []
    for output in _only(list, saved):
        kind = _only(dict, output).get("output_type")
        if kind == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            outputs.append(new_output(kind, name=name, text=_shown(output.get("text"))))
        elif kind == "error":
            trace = "\n".join(map(_shown, _only(list, output.get("traceback"))))
            names = {key: _shown(output.get(key)) for key in ("ename", "evalue")}
            outputs.append(new_output(kind, traceback=[trace], **names))
        elif kind in ("execute_result", "display_data"):
            data = _only(dict, output.get("data"))
            shown = {k: _shown(data[k]) for k in ("text/plain", "image/png") if k in data}
            outputs.append(new_output(kind, data=shown))
    return outputs


def _shown(value: Any) -> str:
    """Text of an output, in which all that ends a line is a newline, so that lines are counted."""
    return re.sub("[\v\f\x1c-\x1e\x85\u2028\u2029]", "\n", _text(value))


def _only(kind: type[dict] | type[list], value: Any) -> Any:
    return value if isinstance(value, kind) else kind()


def _text(value: Any) -> str:
    """Text of a string or a list of strings, without what cannot be stored or compiled."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return value.encode("utf-8", "replace").decode("utf-8")  # no lone surrogates
