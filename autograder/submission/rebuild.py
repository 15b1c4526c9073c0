"""Put a student's answers and own cells into the instructor's notebook.

Whatever is not an answer cannot do harm: metadata, outputs, test cells and locked cells of the
submission are never used.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from copy import deepcopy
from itertools import count
from typing import NamedTuple

from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from autograder.assignment import Assignment, Role, distinctive_names, grade_id, role
from autograder.facts import Repair
from autograder.submission.notebook import SETTINGS

MISSING_ANSWER = "# This answer was missing in the submission."
MERGED_ANSWER = "# This answer stands in the cell of another answer."

_SKIPPED = (Role.DEMONSTRATION, Role.PLAYGROUND)


class Rebuilt(NamedTuple):
    """The notebook to execute, with a `Role` for each cell, and what had to be repaired."""

    notebook: NotebookNode
    repairs: list[Repair]


def rebuild(assignment: Assignment, submission: NotebookNode) -> Rebuilt:
    """Put the student's answers and own cells into our notebook.

    Answers are recognized by their grade id, else by their cell id, else by the function that
    they define; our other cells by grade id, cell id or text. What is left are the student's own
    cells: each follows the cell of ours that it followed in the submission.

    There always is a result: at worst all answers are missing, as for a notebook without cells.
    """
    theirs = submission.cells
    match = _match(assignment, theirs)
    merged = _merged_answers(assignment, theirs, match)

    position_of = {index: position for position, index in match.items()}
    added: dict[int, list[NotebookNode]] = defaultdict(list)  # by position of the cell before
    position = -1
    for index, cell in enumerate(theirs):
        position = position_of.get(index, position)
        if index not in position_of:
            added[position].append(cell)

    given = assignment.released_cells()
    skipped = {_bare(cell.source) for cell in given if cell.metadata.autograder.role in _SKIPPED}
    numbers = count(1)
    cells = [_student_cell(cell, next(numbers), skipped) for cell in added[-1]]
    for position, released in enumerate(given):
        submitted = theirs[match[position]] if position in match else None
        cell = _our_cell(released, submitted, merged=position in merged)
        own = [*_added_imports(cell, submitted), *added[position]]
        cells += [cell, *(_student_cell(one, next(numbers), skipped) for one in own)]

    notebook = NotebookNode(
        nbformat=4, nbformat_minor=5, metadata=deepcopy(assignment.metadata), cells=cells
    )
    while_reading = submission.metadata.get("repairs", [])
    repairs = [*while_reading, *_describe(assignment, submission, match, merged)]
    return Rebuilt(notebook, repairs)


def _our_cell(released: NotebookNode, submitted: NotebookNode | None, merged: bool) -> NotebookNode:
    """A cell of our notebook, with what the student may change in it."""
    cell = deepcopy(released)
    if submitted and cell.cell_type == "code":
        cell.outputs = submitted.get("outputs", [])
    if submitted and cell.metadata.autograder.role in (Role.ANSWER, Role.PLAYGROUND):
        if cell.cell_type == "code":
            cell.source = submitted.source
        elif not _same_text(submitted, released):  # nbgrader knows the untouched one again
            cell.source = _as_plain_text(submitted.source)
    elif cell.metadata.autograder.role == Role.ANSWER:
        cell.source = MERGED_ANSWER if merged else MISSING_ANSWER
    return cell


_IMPORT = re.compile(r"(?:import|from) [\w., ]++(?:#.*+)?")


def _added_imports(ours: NotebookNode, theirs: NotebookNode | None) -> list[NotebookNode]:
    """A cell of the import lines that a student added to a given cell: answers may use them."""
    if theirs is None or ours.metadata.autograder.role != Role.GIVEN:
        return []
    known = {line.strip() for line in ours.source.splitlines()}
    lines = [line.strip() for line in theirs.source.splitlines()]
    added = [line for line in lines if line not in known and _IMPORT.fullmatch(line)]
    return [NotebookNode(cell_type="code", source="\n".join(added))] if added else []


def _student_cell(submitted: NotebookNode, number: int, skipped: set[str]) -> NotebookNode:
    """A cell of the student's own, with nothing of its metadata."""
    # Copies of what is skipped (training, which takes time) are skipped like their originals.
    kind = Role.DEMONSTRATION if _bare(submitted.source) in skipped else Role.STUDENT
    cell = NotebookNode(
        id=f"student-{number}",
        cell_type="code" if submitted.cell_type == "code" else "markdown",
        metadata=NotebookNode(autograder=NotebookNode(role=str(kind))),
        source=submitted.source,
    )
    if submitted.cell_type == "code":
        cell.update(execution_count=None, outputs=submitted.get("outputs", []))
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
    ours, released = assignment.cells, assignment.released_cells()
    claims = _claims(ours, theirs)
    free = set(range(len(theirs)))
    match: dict[int, int] = {}

    def take(position: int, index: int | None) -> None:
        if index is not None:
            match[position] = index
            free.remove(index)

    # Answers choose first, so that no other cell with a copied grade id takes one away. Of several
    # copies the last one counts that is more than the untouched stub.
    for position, cell in enumerate(ours):
        if role(cell) is Role.ANSWER:
            names = distinctive_names(assignment).get(grade_id(cell), [])
            defined = {index: _defined(names, theirs[index].source) for index in free}
            changed = {one for one in free if not _same_text(theirs[one], released[position])}
            claimed = free.intersection(claims[position])
            defining = {index for index in free if defined[index]}
            candidates = claimed & defining or defining or claimed
            ranked = [(defined[index], index in changed, index) for index in candidates]
            take(position, max(ranked, default=[None])[-1])

    for position, cell in enumerate(released):
        if position not in match:
            claimed = [index for index in claims[position] if index in free]
            unchanged = [index for index in claimed if _same_text(theirs[index], cell)]
            take(position, next(iter(unchanged or claimed), None))

    by_text = defaultdict(list)
    for index in sorted(free, reverse=True):
        by_text[_bare(theirs[index].source)].append(index)
    for position, cell in enumerate(released):
        if position not in match and cell.metadata.autograder.role != Role.ANSWER:
            indices = by_text[_bare(cell.source)]
            take(position, indices.pop() if indices else None)
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


def _defined(names: Iterable[str], source: str) -> int:
    """How many of `names` some line of `source` defines at top level."""
    indent = re.match(r"(?:[ \t]*+\n)*+([ \t]*+)", source)[1]  # which IPython takes away
    text = re.sub(rf"^{indent}", "", source, flags=re.M) if indent else source
    forms = r"^(?:(?:async +)?def|class) +{0}\b|^{0} *(?::[^=\n]*)?=(?!=)"
    return sum(bool(re.search(forms.format(name), text, re.M)) for name in names)


def _merged_answers(
    assignment: Assignment, theirs: list[NotebookNode], match: dict[int, int]
) -> set[int]:
    """Positions of answers that have no cell of their own but stand in that of another one."""
    names = distinctive_names(assignment)
    cells = assignment.cells
    answers = {position for position, cell in enumerate(cells) if role(cell) is Role.ANSWER}
    sources = [theirs[match[position]].source for position in answers & match.keys()]
    return {
        position
        for position in answers - match.keys()
        if any(_defined(names.get(grade_id(cells[position]), []), source) for source in sources)
    }


def _describe(
    assignment: Assignment, submission: NotebookNode, match: dict[int, int], merged: set[int]
) -> list[Repair]:
    """What distinguishes the submission from one that was changed only where students may."""
    found: dict[str, list[str]] = defaultdict(list)
    grade_ids = Counter(grade_id(cell) for cell in submission.cells)
    released = assignment.released_cells()
    # Of the edition in another language, say: its text cells, which have no checksum, may differ.
    other = any(_is_of_other_release(released[p], submission.cells[i]) for p, i in match.items())
    for position, ours in enumerate(released):
        name = grade_id(ours) or ours.id
        theirs = submission.cells[match[position]] if position in match else None
        if grade_ids[name] > 1:
            found["repeated"].append(name)
        if not theirs and ours.metadata.autograder.role == Role.ANSWER:
            found["answer-merged" if position in merged else "answer-missing"].append(name)
        elif _is_changed(ours, theirs, other):
            found["given-changed"].append(name)
    if submission.cells and not _claims(assignment.cells, submission.cells):
        # This says it all, but for answers that are not there.
        kept = ("answer-missing", "answer-merged")
        return [Repair("other-notebook"), *(Repair(c, tuple(found[c])) for c in kept if c in found)]
    repairs = [Repair(code, tuple(names)) for code, names in found.items()]
    indices = [match[position] for position in sorted(match)]
    if indices != sorted(indices):
        repairs.append(Repair("order"))
    kernel, language = (submission.metadata.get(key, "") for key in ("kernel", "language"))
    expected = assignment.metadata.kernelspec.name
    if language != "python" and (language or kernel != expected):  # its name differs by place
        detail = f"The notebook asked for kernel {kernel[:40]!r} and language {language[:40]!r}"
        repairs.append(Repair("kernel", detail=f"{detail}; {expected} was used."))
    return repairs


def _is_of_other_release(ours: NotebookNode, theirs: NotebookNode) -> bool:
    """Whether their cell has another text than ours, and is as it was handed out."""
    if not grade_id(ours) or _same_text(theirs, ours):
        return False
    cell = NotebookNode(ours, source=theirs.source)
    return theirs.metadata.nbgrader.get("checksum") == compute_checksum(cell)


def _is_changed(ours: NotebookNode, theirs: NotebookNode | None, other: bool) -> bool:
    """Whether something of our cell is missing or different that students should not change."""
    role_of_ours = ours.metadata.autograder.role
    if theirs is None:
        return role_of_ours != Role.PLAYGROUND
    given = role_of_ours not in (Role.ANSWER, Role.PLAYGROUND)
    given = given and not (other and (not grade_id(ours) or _is_of_other_release(ours, theirs)))
    if theirs.cell_type != ours.cell_type or (given and not _same_text(theirs, ours)):
        return True
    settings = ours.metadata.get("nbgrader")
    return bool(settings) and any(
        theirs.metadata.nbgrader.get(key) != settings.get(key) for key in SETTINGS
    )


def _bare(source: str) -> str:
    """`source` without white space at the ends of the lines and of the text."""
    return "\n".join(line.rstrip() for line in source.strip().split("\n"))


def _same_text(one: NotebookNode, other: NotebookNode) -> bool:
    return _bare(one.source) == _bare(other.source)
