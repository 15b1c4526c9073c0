"""Intake: from the bytes that a student handed in to cells of which we know the form.

Nothing is executed here, and nothing of the submission is trusted. `read_submission` keeps the
text of its cells and what is needed to recognize them. The student's text is not parsed as Python
here: deep or large programs can exhaust or crash the parser. Where that is needed, `inert.py` and
the assignment's own check do it, with limits.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograder.facts import Repair

MAX_FILE_BYTES = 64 * 2**20
MAX_TOKENS = 4_000_000  # strings and brackets in the file: a few seconds of scanning
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

# What is needed to see where a JSON value ends. Possessive quantifiers keep the scan linear.
_BULK = (b'"outputs"', b'"attachments"', b'"widgets"')
_TOKEN = re.compile(
    rb'(?P<string>"(?:[^"\\]++|\\.)*+")'
    rb'|(?P<cut_off>")'
    rb"|(?P<open>[\[{])"
    rb"|(?P<close>[\]}])"
    rb"|(?P<other>[^\s\"\[\]{}]++)",
    re.DOTALL,
)
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_TO_QUOTE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)

_CELL_TYPES = ("code", "markdown", "raw", "heading")  # "heading" belongs to format 3
SETTINGS = ("grade_id", "grade", "solution", "locked", "points")
"""What is kept of nbgrader's settings of a cell, with the checksum."""

_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Unreadable(Exception):
    """A submission that no notebook can be made of.

    Attributes
    ----------
    reason : str
        A sentence for the instructor.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_submission(data: bytes, keep_outputs: bool = False) -> NotebookNode:
    """Read what a student handed in, however damaged.

    Parameters
    ----------
    data
        Content of the notebook file.
    keep_outputs
        Keep of the saved outputs what `_output` keeps, for grading without execution.

    Returns
    -------
    NotebookNode
        The cells in the form of nbformat 4.5 without attachments (and outputs). Of the metadata
        there are only the tags and nbgrader's settings of each cell, the names of ``kernel`` and
        ``language``, and ``repairs``, the list of what was repaired while reading.

    Raises
    ------
    Unreadable
        If there is no way to read it, or if it exceeds the limits of this module.
    """
    repairs: list[Repair] = []
    document = _parse(data, repairs, keep_outputs)
    entries = _cell_entries(document, repairs)
    if len(entries) > MAX_CELLS:
        raise Unreadable(f"The notebook has {len(entries)} cells; at most {MAX_CELLS} are read.")
    objects = [entry for entry in entries if isinstance(entry, dict)]
    saved = (entry.get("outputs") for entry in objects)
    outputs = sum(len(one) for one in saved if isinstance(one, list))
    if outputs > MAX_OUTPUTS:
        raise Unreadable(f"The notebook has {outputs} outputs; at most {MAX_OUTPUTS} are read.")
    if len(objects) < len(entries):
        repairs.append(Repair("empty-cell", count=len(entries) - len(objects)))

    cells = [_read_cell(entry) for entry in objects]
    for number, cell in enumerate(cells, start=1):
        if len(cell.source) > MAX_SOURCE:
            raise Unreadable(
                f"Cell {number} has {len(cell.source)} characters; at most {MAX_SOURCE} are read."
            )
    lines = sum(len(cell.source.splitlines()) for cell in cells)
    if lines > MAX_LINES:
        raise Unreadable(f"The notebook has {lines} lines; at most {MAX_LINES} are read.")
    unknown = sum(entry.get("cell_type") not in _CELL_TYPES for entry in objects)
    if unknown:
        repairs.append(Repair("unknown-type", count=unknown))
    uses = Counter(cell.id for cell in cells)
    bad_ids = sum(uses[cell.id] > 1 or not _CELL_ID.fullmatch(cell.id) for cell in cells)
    with_ids = document.get("nbformat_minor") not in (0, 1, 2, 3, 4)
    if bad_ids and with_ids:  # cells have ids since nbformat 4.5
        repairs.append(Repair("bad-cell-id", count=bad_ids))

    metadata = _dict(document.get("metadata"))
    kernelspec = _dict(metadata.get("kernelspec"))
    language_info = _dict(metadata.get("language_info"))
    return NotebookNode(
        nbformat=4,
        nbformat_minor=5,
        metadata=NotebookNode(
            kernel=_text(kernelspec.get("name")),
            language=_text(language_info.get("name", kernelspec.get("language"))),
            repairs=repairs,
        ),
        cells=cells,
    )


def _parse(data: bytes, repairs: list[Repair], keep_outputs: bool) -> dict[str, Any]:
    """The JSON object in `data`, as a rule without outputs."""
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(_too_large("The file", len(data), MAX_FILE_BYTES))
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        repairs.append(Repair("byte-order-mark"))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise Unreadable("The file is encoded as UTF-16 or UTF-32; a notebook must be UTF-8.")
    start = data[:1000].lstrip()
    if not start and not data.strip():
        raise Unreadable("The file is empty.")
    for signature, name in _OTHER_FORMATS.items():
        if start.startswith(signature):
            raise Unreadable(f"The file is {name}, not a notebook.")

    if keep_outputs and len(data) > MAX_KEPT_BYTES:
        raise Unreadable(_too_large("The notebook with its outputs", len(data), MAX_KEPT_BYTES))
    kept = data if keep_outputs else without_bulk([data])
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


def without_bulk(chunks: Iterable[bytes]) -> bytes:
    """JSON text with emptied outputs, attachments and widget states.

    They are cut out before the text is decoded and parsed, so that the memory needed does not
    grow with them, and so that nothing in them can make a notebook unreadable.

    Parameters
    ----------
    chunks : iterable of bytes
        The text, in parts of any length. No more than one of them is held at a time.

    Raises
    ------
    Unreadable
        If what is left exceeds the limits of this module.
    """
    kept: list[bytes] = []
    size = depth = tokens = 0
    cut_depth = None  # depth around the value that is being cut out
    in_string = False  # of that value
    expected = b""  # what makes a value bulk: its name has been read, and then a colon
    rest = b""  # a string that the end of a chunk has cut off

    def keep(part: bytes) -> None:
        nonlocal size
        size += len(part)
        if size <= MAX_KEPT_BYTES:
            kept.append(part)

    for chunk in chunks:
        data, position, start = rest + chunk, 0, 0
        rest = b""
        while position < len(data):
            if cut_depth is not None:
                skip = _TO_QUOTE if in_string else _TO_BRACKET
                position = start = skip.match(data, position).end()
                byte = data[position : position + 1]
                if byte == b"\\":  # and what it escapes is in the next chunk
                    rest = byte
                if byte in (b"", b"\\"):
                    position = start = len(data)
                    break
                if byte == b'"':
                    in_string = not in_string
                    position += 1
                    continue
                tokens += 1
                depth += 1 if byte in b"[{" else -1
                if depth == cut_depth:
                    cut_depth = None
                position += 1
            else:
                token = _TOKEN.search(data, position)
                if token is None:
                    break
                position = token.end()
                text, kind = token.group(), token.lastgroup
                if kind == "cut_off":
                    keep(data[start : token.start()])
                    rest, start = data[token.start() :], len(data)
                    break
                tokens += 1
                if kind == "open":
                    if expected == b":":
                        keep(data[start:position])
                        cut_depth = depth
                    depth += 1
                elif kind == "close":
                    depth -= 1
                if kind == "string" and text in _BULK:
                    expected = text
                else:
                    expected = b":" if text == b":" and expected in _BULK else b""
            if tokens > MAX_TOKENS:
                raise Unreadable("The file has too many parts to be a notebook.")
        if cut_depth is None:
            keep(data[start:])
        if len(rest) > MAX_KEPT_BYTES:
            break
    if cut_depth is None:
        keep(rest)
    if size > MAX_KEPT_BYTES:
        raise Unreadable(_too_large("The notebook without its outputs", size, MAX_KEPT_BYTES))
    return b"".join(kept)


def _cell_entries(document: dict[str, Any], repairs: list[Repair]) -> list[Any]:
    """The list of cells of a notebook in a format that we know."""
    version = document.get("nbformat")
    if version in (3, "3"):
        repairs.append(Repair("old-format"))
        sheets = document.get("worksheets")
        lists = [_dict(sheet).get("cells") for sheet in sheets] if isinstance(sheets, list) else []
        return list(chain.from_iterable(cells for cells in lists if isinstance(cells, list)))
    if version is None:
        repairs.append(Repair("no-format"))
    elif version not in (4, "4"):
        shown = f"{version:g}" if isinstance(version, float) else repr(version)[:40]
        raise Unreadable(f"The notebook has format {shown}; only nbformat 4 and 3 can be read.")
    cells = document.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("The notebook has no list of cells.")
    return cells


def _read_cell(entry: dict[str, Any]) -> NotebookNode:
    """A cell from a JSON object with any content."""
    kind = entry.get("cell_type")
    metadata = _dict(entry.get("metadata"))
    nbgrader = _dict(metadata.get("nbgrader"))
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
        metadata=NotebookNode(nbgrader=settings, tags=_tags(metadata)),
        source=source,
        outputs=_outputs(entry.get("outputs")),
    )


def _outputs(saved: Any) -> list[NotebookNode]:
    if not isinstance(saved, list):
        return []
    outputs = [_output(one) for one in saved if isinstance(one, dict)]
    return [output for output in outputs if output is not None]


def _output(saved: dict[str, Any]) -> NotebookNode | None:
    """Text and pictures of an output that was saved; all else could run in somebody's browser."""
    match saved.get("output_type"):
        case "stream":
            name = "stderr" if saved.get("name") == "stderr" else "stdout"
            return new_output("stream", name=name, text=_shown(saved.get("text")))
        case "error":
            trace = saved.get("traceback")
            return new_output(
                "error",
                ename=_shown(saved.get("ename")),
                evalue=_shown(saved.get("evalue")),
                traceback=["\n".join(map(_shown, trace))] if isinstance(trace, list) else [],
            )
        case "execute_result" | "display_data" as kind:
            data = _dict(saved.get("data"))
            shown = {k: _shown(data[k]) for k in ("text/plain", "image/png") if k in data}
            if kind == "display_data":
                return new_output(kind, data=shown)
            number = saved.get("execution_count")
            number = int(number) if isinstance(number, float) and abs(number) < 1e9 else None
            return new_output(kind, data=shown, execution_count=number)
    return None


def _shown(value: Any) -> str:
    """Text of an output, in which all that ends a line is a newline, so that lines are counted."""
    return re.sub("[\v\f\x1c-\x1e\x85\u2028\u2029]", "\n", _text(value))


def _tags(metadata: dict[str, Any]) -> list[str]:
    tags = metadata.get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Text of a string or a list of strings, without what cannot be stored or compiled."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return value.encode("utf-8", "replace").decode("utf-8")  # no lone surrogates


def _too_large(what: str, size: int, limit: int) -> str:
    return f"{what} has {size / 2**20:.0f} MB; at most {limit // 2**20} MB are read."
