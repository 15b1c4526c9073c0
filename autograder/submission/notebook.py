"""Intake: from the bytes that a student handed in to the notebook that is executed.

Nothing is executed here, and nothing of the submission is trusted. `read_submission` keeps the
text of its cells and what is needed to recognize them; `rebuild` puts the answers and the
student's own cells into our notebook. The student's text is not parsed as Python here: deep or
large programs can exhaust or crash the parser. Where that is needed, `inert.py` and the
assignment's own check do it, with limits.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from nbformat import NotebookNode

from autograder.assignment import Assignment, Role, function_names, grade_id, role
from autograder.text import counted

MAX_FILE_BYTES = 64 * 2**20
MAX_TOKENS = 4_000_000  # strings and brackets in the file: a few seconds of scanning
MAX_KEPT_BYTES = 4 * 2**20  # of the file without saved outputs and pictures
MAX_CELLS = 2_000
MAX_SOURCE = 500_000  # characters in a cell

MISSING_ANSWER = "# This answer was missing in the submission."
MERGED_ANSWER = "# This answer stands in the cell of another answer."

_OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"<": "a web page (HTML or XML)",
}

# What is needed to see where a JSON value ends. Possessive quantifiers, and strings that may be
# cut off at the end of the file, keep the scan linear.
_TOKEN = re.compile(
    rb'(?P<bulk>"(?:outputs|attachments|widgets)"\s*+:\s*+[\[{])'
    rb'|(?P<string>"(?:[^"\\]++|\\.)*+"?)'
    rb"|(?P<open>[\[{])"
    rb"|(?P<close>[\]}])",
    re.DOTALL,
)

_CELL_TYPES = ("code", "markdown", "raw", "heading")  # "heading" belongs to format 3
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SKIPPED = (Role.DEMONSTRATION, Role.PLAYGROUND)
_SETTINGS = ("grade_id", "grade", "solution", "locked", "points")

# Kinds of repair: noun and the rest of the sentence. "Given" cells are all but the answers.
_MISSING = ("answer", "could not be found")
_MERGED = ("answer", "stood in the cell of another answer")
_CHANGED = ("given cell", "had been changed; our version was used")
_DELETED = ("given cell", "had been deleted; our version was used")
_RETYPED = ("cell", "had another type; our type was used")
_RENAMED = ("cell", "had lost the grade id; recognized by cell id, function or text")
_SETTINGS_CHANGED = ("cell", "had other nbgrader settings (points, for example); ours were used")
_REPEATED = ("cell", "existed more than once; the copies ran as the student's own cells")


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


@dataclass(frozen=True)
class Rebuilt:
    """Result of `rebuild`.

    Attributes
    ----------
    notebook
        The notebook to execute (nbformat 4.5). The metadata of each cell says what to do with it
        (``autograder.role``, see `Role`).
    repairs
        What had to be repaired, a plain sentence for each kind; empty for an intact submission.
        They can quote names that the student chose: escape them in HTML.
    """

    notebook: NotebookNode
    repairs: list[str]


def read_submission(data: bytes) -> NotebookNode:
    """Read what a student handed in, however damaged.

    Parameters
    ----------
    data
        Content of the notebook file.

    Returns
    -------
    NotebookNode
        The cells in the form of nbformat 4.5 without outputs and attachments. Of the metadata
        there are only the tags and nbgrader's settings of each cell, the names of ``kernel`` and
        ``language``, and ``repairs``, the list of what was repaired while reading.

    Raises
    ------
    Unreadable
        If there is no way to read it, or if it exceeds the limits of this module.
    """
    repairs: list[str] = []
    document = _parse(data, repairs)
    entries = _cell_entries(document, repairs)
    if len(entries) > MAX_CELLS:
        raise Unreadable(f"The notebook has {len(entries)} cells; at most {MAX_CELLS} are read.")
    objects = [entry for entry in entries if isinstance(entry, dict)]
    if len(objects) < len(entries):
        repairs.append(f"{len(entries) - len(objects)} of the cells had no content; left out.")

    cells = [_read_cell(entry) for entry in objects]
    for number, cell in enumerate(cells, start=1):
        if len(cell.source) > MAX_SOURCE:
            raise Unreadable(
                f"Cell {number} has {len(cell.source)} characters; at most {MAX_SOURCE} are read."
            )
    unknown = sum(entry.get("cell_type") not in _CELL_TYPES for entry in objects)
    if unknown:
        repairs.append(f"{counted(unknown, 'cell')} had an unknown type; read as code.")
    uses = Counter(cell.id for cell in cells)
    bad_ids = sum(uses[cell.id] > 1 or not _CELL_ID.fullmatch(cell.id) for cell in cells)
    if bad_ids:
        repairs.append(f"{counted(bad_ids, 'cell')} had a missing, equal or illegal cell id.")

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


def _parse(data: bytes, repairs: list[str]) -> dict[str, Any]:
    """The JSON object in `data`, without outputs."""
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(_too_large("The file", len(data), MAX_FILE_BYTES))
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        repairs.append("The file began with a byte order mark; it was skipped.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise Unreadable("The file is encoded as UTF-16 or UTF-32; a notebook must be UTF-8.")
    start = data[:1000].lstrip()
    if not start and not data.strip():
        raise Unreadable("The file is empty.")
    for signature, name in _OTHER_FORMATS.items():
        if start.startswith(signature):
            raise Unreadable(f"The file is {name}, not a notebook.")

    kept = _without_bulk(data)
    if len(kept) > MAX_KEPT_BYTES:
        raise Unreadable(_too_large("The notebook without its outputs", len(kept), MAX_KEPT_BYTES))
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


def _without_bulk(data: bytes) -> bytes:
    """JSON text `data` with emptied outputs, attachments and widget states.

    They are cut out before the text is decoded and parsed, so that the memory needed does not
    grow with them, and so that nothing in them can make a notebook unreadable.
    """
    kept = []
    start = 0  # of what is to be kept next
    depth = 0
    cut_depth = None  # depth around the value that is being cut out
    for number, token in enumerate(_TOKEN.finditer(data)):
        if number > MAX_TOKENS:
            raise Unreadable("The file has too many parts to be a notebook.")
        kind = token.lastgroup
        if kind == "bulk" and cut_depth is None:
            kept.append(data[start : token.end()])
            cut_depth = depth
        if kind in ("bulk", "open"):
            depth += 1
        elif kind == "close":
            depth -= 1
            if depth == cut_depth:
                start = token.start()
                cut_depth = None
    if cut_depth is None:
        kept.append(data[start:])
    return b"".join(kept)


def _cell_entries(document: dict[str, Any], repairs: list[str]) -> list[Any]:
    """The list of cells of a notebook in a format that we know."""
    version = document.get("nbformat")
    if version in (3, "3"):
        repairs.append("The notebook had the old format 3; it was converted.")
        sheets = document.get("worksheets")
        lists = [_dict(sheet).get("cells") for sheet in sheets] if isinstance(sheets, list) else []
        return list(chain.from_iterable(cells for cells in lists if isinstance(cells, list)))
    if version is None:
        repairs.append("The notebook did not name its format; it was read as format 4.")
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
        for key in (*_SETTINGS, "checksum")
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
    )


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


def rebuild(assignment: Assignment, submission: NotebookNode) -> Rebuilt:
    """Put the student's answers and own cells into our notebook.

    Answers are recognized by their grade id, else by their cell id, else by the function that
    they define; our other cells by grade id, cell id or text. What is left are the student's own
    cells: each follows the cell of ours that it followed in the submission.

    Parameters
    ----------
    assignment
        The assignment that the submission belongs to.
    submission
        Result of `read_submission`, or a notebook without cells.

    Returns
    -------
    Rebuilt
        There always is one: at worst all answers are missing.
    """
    theirs = submission.cells
    match = _match(assignment, theirs)
    merged = _merged_answers(assignment, theirs, match)

    position_of = {index: position for position, index in match.items()}
    added: dict[int, list[NotebookNode]] = defaultdict(list)  # by position of the cell before
    position = -1
    for index, cell in enumerate(theirs):
        if index in position_of:
            position = position_of[index]
        else:
            added[position].append(cell)

    given = assignment.released_cells()
    skipped = {_bare(cell.source) for cell in given if cell.metadata.autograder.role in _SKIPPED}
    numbers = count(1)
    cells = [_student_cell(cell, next(numbers), skipped) for cell in added[-1]]
    for position, released in enumerate(given):
        cell = deepcopy(released)
        if cell.metadata.autograder.role in (Role.ANSWER, Role.PLAYGROUND) and position in match:
            source = theirs[match[position]].source
            cell.source = source if cell.cell_type == "code" else _as_plain_text(source)
        elif cell.metadata.autograder.role == Role.ANSWER:
            cell.source = MERGED_ANSWER if position in merged else MISSING_ANSWER
        cells.append(cell)
        cells += [_student_cell(cell, next(numbers), skipped) for cell in added[position]]

    notebook = NotebookNode(
        nbformat=4, nbformat_minor=5, metadata=deepcopy(assignment.metadata), cells=cells
    )
    while_reading = submission.metadata.get("repairs", [])
    repairs = [*while_reading, *_describe(assignment, submission, match, merged)]
    return Rebuilt(notebook, repairs)


def _student_cell(submitted: NotebookNode, number: int, skipped: set[str]) -> NotebookNode:
    """A cell of the student's own, with nothing of its metadata.

    Copies of the sources in `skipped` are skipped like their originals: training a network a
    second time could use up the time of the submission.
    """
    kind = Role.DEMONSTRATION if _bare(submitted.source) in skipped else Role.STUDENT
    cell = NotebookNode(
        id=f"student-{number}",
        cell_type="code" if submitted.cell_type == "code" else "markdown",
        metadata=NotebookNode(autograder=NotebookNode(role=str(kind))),
        source=submitted.source,
    )
    if submitted.cell_type == "code":
        cell.update(execution_count=None, outputs=[])
    else:
        cell.source = _as_plain_text(submitted.source)
    return cell


def _as_plain_text(source: str) -> str:
    """Markdown that shows `source` as it is typed: no HTML, link, picture, formula."""
    longest = max(map(len, re.findall("`+", source)), default=0)
    fence = "`" * max(3, longest + 1)  # only a fence of at least this length ends the block
    return f"{fence}\n{source}\n{fence}"


def _match(assignment: Assignment, theirs: list[NotebookNode]) -> dict[int, int]:
    """Position of each cell of ours that was found -> index of the submitted cell."""
    ours = assignment.cells
    released = assignment.released_cells()
    claims = _claims(ours, theirs)
    free = set(range(len(theirs)))
    match: dict[int, int] = {}

    def take(position: int, index: int) -> None:
        match[position] = index
        free.remove(index)

    # Answers choose first, so that no other cell with a copied grade id takes one away.
    for position, cell in enumerate(ours):
        if role(cell) is Role.ANSWER:
            claimed = [index for index in claims[position] if index in free]
            index = _find_answer(cell, released[position], theirs, claimed, free)
            if index is not None:
                take(position, index)

    for position, cell in enumerate(released):
        claimed = [index for index in claims[position] if index in free]
        if claimed and position not in match:
            unchanged = [index for index in claimed if _same_text(theirs[index], cell)]
            take(position, (unchanged or claimed)[0])

    by_text = defaultdict(list)
    for position, cell in reversed(list(enumerate(released))):
        if position not in match and cell.metadata.autograder.role != Role.ANSWER:
            by_text[_bare(cell.source)].append(position)
    for index in sorted(free):
        if positions := by_text.get(_bare(theirs[index].source)):
            take(positions.pop(), index)
    return match


def _claims(ours: Iterable[NotebookNode], theirs: list[NotebookNode]) -> dict[int, list[int]]:
    """Position of each cell of ours -> submitted cells with its grade id, else its cell id."""
    by_grade_id = {grade_id(cell): place for place, cell in enumerate(ours) if grade_id(cell)}
    by_cell_id = {cell.id: place for place, cell in enumerate(ours)}
    uses = Counter(cell.id for cell in theirs)
    claims = defaultdict(list)
    for index, cell in enumerate(theirs):
        position = by_grade_id.get(grade_id(cell))
        if position is None and uses[cell.id] == 1:  # an id that several cells share says nothing
            position = by_cell_id.get(cell.id)
        if position is not None:
            claims[position].append(index)
    return claims


def _find_answer(
    ours: NotebookNode,
    released: NotebookNode,
    theirs: list[NotebookNode],
    claimed: Collection[int],
    free: Collection[int],
) -> int | None:
    """Index of the submitted cell with the answer: among `claimed`, else among all `free` ones."""
    functions = function_names(ours)
    defined = {index: _defined(functions, theirs[index].source) for index in free}
    candidates = (
        [index for index in claimed if defined[index]]
        or [index for index in free if defined[index]]
        or claimed
    )
    return max(
        candidates,
        # Of several copies the last one counts that is more than the untouched stub.
        key=lambda index: (defined[index], not _same_text(theirs[index], released), index),
        default=None,
    )


def _defined(functions: Iterable[str], source: str) -> int:
    """How many of `functions` some line of `source` defines at top level."""
    return sum(
        re.search(rf"^(?:async +)?def +{name} *\(|^{name} *(?::[^=\n]*)?=(?!=)", source, re.M)
        is not None
        for name in functions
    )


def _merged_answers(
    assignment: Assignment, theirs: list[NotebookNode], match: dict[int, int]
) -> set[int]:
    """Positions of answers that have no cell of their own but stand in that of another one."""
    ours = assignment.cells
    answers = [position for position, cell in enumerate(ours) if role(cell) is Role.ANSWER]
    sources = [theirs[match[position]].source for position in answers if position in match]
    return {
        position
        for position in answers
        if position not in match
        and any(_defined(function_names(ours[position]), source) for source in sources)
    }


def _describe(
    assignment: Assignment, submission: NotebookNode, match: dict[int, int], merged: set[int]
) -> list[str]:
    """What distinguishes the submission from one that was changed only where students may."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    grade_ids = Counter(grade_id(cell) for cell in submission.cells)
    for position, ours in enumerate(assignment.released_cells()):
        name = grade_id(ours) or ours.id
        answer = ours.metadata.autograder.role == Role.ANSWER
        given = not answer and ours.metadata.autograder.role != Role.PLAYGROUND
        if grade_ids[name] > 1:
            found[_REPEATED].append(name)
        if position not in match:
            if answer:
                found[_MERGED if position in merged else _MISSING].append(name)
            elif given:
                found[_DELETED].append(name)
            continue
        cell = submission.cells[match[position]]
        if given and not _same_text(cell, ours):
            found[_CHANGED].append(name)
        if cell.cell_type != ours.cell_type:
            found[_RETYPED].append(name)
        settings = ours.metadata.get("nbgrader")
        if settings and grade_id(cell) != name:
            found[_RENAMED].append(name)
        elif settings and any(
            cell.metadata.nbgrader.get(key) != settings.get(key) for key in _SETTINGS
        ):
            found[_SETTINGS_CHANGED].append(name)

    repairs = [
        f"{counted(len(names), noun)} {rest}: {_listed(names)}."
        for (noun, rest), names in found.items()
    ]
    indices = [match[position] for position in sorted(match)]
    if indices != sorted(indices):
        repairs.append("Cells were in another order; ours was used.")
    kernel = submission.metadata.get("kernel", "")
    language = submission.metadata.get("language", "")
    expected = assignment.metadata.kernelspec.name
    if kernel != expected or language not in ("", "python"):
        repairs.append(
            f"The notebook asked for kernel {kernel[:40]!r} and language {language[:40]!r}; "
            f"{expected} was used."
        )
    return repairs


def _bare(source: str) -> str:
    """`source` without white space at the ends of the lines and of the text."""
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def _same_text(one: NotebookNode, other: NotebookNode) -> bool:
    return _bare(one.source) == _bare(other.source)


def _listed(names: list[str], shown: int = 6) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
