"""The assignment as grading sees it: the instructor's notebooks and the files beside them."""

import ast
import contextlib
import json
import symtable
import sys
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Self

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbgrader import preprocessors
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import compute_checksum, find_all_files
from traitlets.config import Config

from autograder.limits import Limits
from autograder.text import UserError

_LONGEST_LINK = 1000  # bytes
_NBGRADER_DEFAULTS = {"schema_version": 3, "grade": False, "solution": False, "locked": False}
_CLEARING = (
    preprocessors.ClearSolutions,
    preprocessors.ClearHiddenTests,
    preprocessors.ClearMarkScheme,
)
_AT_GRADING = (*_CLEARING, preprocessors.IgnorePattern)  # whose settings travel with it
_PYTHON = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class AssignmentError(UserError):
    """The course's own files cannot be used for grading; the message says what to change."""


class Role(StrEnum):
    """What the grader does with a cell; stored in its metadata as ``autograder.role``."""

    TEST = "test"  # earns points; runs in the grader's process or in the sandbox
    ANSWER = "answer"  # the student's source in our cell
    GIVEN = "given"  # our source: text, imports and other locked cells
    DEMONSTRATION = "demonstration"  # our source; no grade depends on it, so grading skips it
    PLAYGROUND = "playground"  # the student's source; no grade depends on it either
    STUDENT = "student"  # a cell that the student added


def unmade_links(directory: Path) -> dict[Path, Path]:
    """Python files of a directory that hold only a path, and the files that they stand for.

    git for Windows writes the path of a link into a plain file, unless it may make links.
    """
    links = {}
    for path in sorted(directory.rglob("*.py")):
        if path.is_file() and path.stat().st_size < _LONGEST_LINK:
            text = path.read_text(encoding="utf-8", errors="replace")
            target = path.parent / text
            if text.startswith("../") and "\n" not in text and target.is_file():
                links[path] = target
    return links


def refuse_unmade_links(assignment: str, student: str, notebooks: list[str]) -> None:
    """Let nbgrader, which calls this as a ``pre_convert_hook``, generate nothing from such links.

    It would log any error but SystemExit, and go on.
    """
    for directory in {Path(notebook).parent for notebook in notebooks}:
        if links := unmade_links(directory):
            names = ", ".join(path.name for path in links)
            sys.exit(
                f"nbgrader: in {directory}, git made plain files instead of links: {names}. "
                "Nothing was generated. In Windows, turn on the developer mode, then run:\n"
                "    git config core.symlinks true\n"
                f"    git restore {directory}"
            )


@dataclass(frozen=True)
class Assignment:
    """A notebook of an assignment as plain data, so that it travels to any worker.

    Methods that read the notebook raise `AssignmentError` if it cannot be used.
    """

    notebook: bytes = field(repr=False)  # the instructor's, with solutions and hidden tests
    files: Mapping[str, bytes] = field(repr=False, hash=False)  # what students get beside it
    rules: str = ""  # the public module that checks the rules, see `Grading.rules`
    settings: str = "{}"  # JSON: those of the nbgrader preprocessors that make the release
    declared: frozenset[str] = frozenset()  # files that students hand in again, changed
    network: bool = False  # whether its sandboxes have the network of this machine
    inside: frozenset[str] = frozenset()  # tests that run in the student's sandbox
    failing: frozenset[str] = frozenset()  # those of them that our own solution does not pass
    modules: tuple[str, ...] = ()  # installed ones that the given cells import
    font_cache: tuple[tuple[str, str], ...] = ()  # see `Profile`

    @classmethod
    def all_in(
        cls, directory: str | Path, config: Config, rules: str = "", network: bool = False
    ) -> dict[str, Self]:
        """Read all notebooks of `directory`, which is the course's own, and the files beside them.

        nbgrader fills in header, footer and AUTOTEST cells, as when it generates the assignment.
        """
        directory = Path(directory)
        course = CourseDirectory(config=config)
        settings = json.dumps(
            {kind.__name__: _plain(kind(config=config)) for kind in _AT_GRADING}, sort_keys=True
        )
        declared = config.get("Autograde", {}).get("exclude_overwriting", {})
        declared = frozenset(declared.get(directory.name, ()))
        notebooks = sorted(directory.glob("*.ipynb"))
        if not notebooks:
            raise AssignmentError(f"{directory} must hold a notebook, the instructor's.")
        links = unmade_links(directory)
        assignments = {}
        try:
            paths = find_all_files(str(directory), [*course.ignore, "*.ipynb"])
            files = {
                path.relative_to(directory).as_posix(): links.get(path, path).read_bytes()
                for path in map(Path, sorted(paths))
            }
            _check_size(directory, files)
            for path in notebooks:
                content = _filled_in(path, path.read_bytes(), config, course)
                assignments[path.stem] = cls(content, files, rules, settings, declared, network)
        except OSError as error:
            raise AssignmentError(
                f"{error.filename} cannot be read ({error.strerror}). If it is a link, "
                "the file that it points to must exist."
            ) from error
        for name, assignment in assignments.items():
            try:
                assignment.released_cells()
            except AssignmentError as error:
                raise AssignmentError(f"{directory / name}.ipynb: {error}") from error
        return assignments

    def has_room_for(self, path: str) -> bool:
        """Whether a student's file may stand there: not in the place of ours, unless `declared`."""
        # Python would import a package in the place of the module of its name.
        places = {place for ours in self.files for place in (ours, ours.removesuffix(".py"))}
        lies_in_one = not places.isdisjoint([path, *map(str, PurePosixPath(path).parents)])
        holds_one = any(ours.startswith(f"{path}/") for ours in self.files)
        return path in self.declared or not (lies_in_one or holds_one)

    @property
    def config(self) -> Config:
        """The settings as nbgrader's preprocessors take them."""
        return Config(json.loads(self.settings))

    @property
    def cells(self) -> tuple[NotebookNode, ...]:
        """The cells of the instructor's notebook, complete with solutions and hidden tests."""
        return tuple(_parse(self.notebook).cells)

    @property
    def metadata(self) -> NotebookNode:
        """The kernel and language that students are to use."""
        ours = _parse(self.notebook).metadata
        return NotebookNode(
            kernelspec=ours.get("kernelspec") or NotebookNode(_PYTHON),
            language_info=ours.get("language_info") or NotebookNode(name="python"),
        )

    def released_cells(self) -> tuple[NotebookNode, ...]:
        """Our cells as students get them, with checksum and role; copy before changing one."""
        return _released_cells(self.notebook, self.settings)

    def released(self) -> bytes:
        """The notebook as students get it."""
        notebook = nbformat.from_dict({**_parse(self.notebook), "cells": self.released_cells()})
        return nbformat.writes(notebook).encode()

    def test_source(self, test: str) -> str:
        """Complete source of the test cell with the grade id `test`, hidden tests included."""
        for cell in self.cells:
            if role(cell) is Role.TEST and grade_id(cell) == test:
                return cell.source
        raise KeyError(f"The assignment has no test cell {test!r}.")

    def complete_tests(self, notebook: NotebookNode) -> None:
        """Put the hidden parts of the tests back, for the course's own folders alone."""
        for cell in notebook.cells:
            if cell.metadata.autograder.role == Role.TEST:
                cell.source = self.test_source(grade_id(cell))
                cell.metadata.nbgrader.checksum = compute_checksum(cell)

    def points(self) -> dict[str, float]:
        """Points of each test cell by grade id, in the notebook's order."""
        return {
            grade_id(cell): float(cell.metadata.nbgrader.points)
            for cell in self.cells
            if role(cell) is Role.TEST
        }

    @property
    def answers(self) -> list[NotebookNode]:
        """Our cells with the solutions in code."""
        code = (cell for cell in self.cells if cell.cell_type == "code")
        return [cell for cell in code if role(cell) is Role.ANSWER]

    def graded_functions(self) -> list[str]:
        """Names of the functions that solution cells define, in the notebook's order."""
        return list(dict.fromkeys(name for cell in self.answers for name in function_names(cell)))


def role(cell: NotebookNode) -> Role:
    """Role of a cell of the instructor's notebook."""
    settings = cell.metadata.get("nbgrader", {})
    tags = cell.metadata.get("tags", [])
    if settings.get("solution"):
        return Role.ANSWER
    if settings.get("grade") and cell.cell_type == "code":
        return Role.TEST
    if Role.PLAYGROUND in tags:  # before demonstration, because such cells carry both tags
        return Role.PLAYGROUND
    if Role.DEMONSTRATION in tags:
        return Role.DEMONSTRATION
    return Role.GIVEN


def grade_id(cell: dict[str, Any]) -> str | None:
    """nbgrader's name of a cell, or None for a cell that nbgrader does not manage."""
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def is_untouched(cell: NotebookNode) -> bool:
    """Whether a cell of a release is as it was handed out."""
    return bool(grade_id(cell)) and cell.metadata.nbgrader.checksum == compute_checksum(cell)


@lru_cache(maxsize=256)
def syntax_tree(source: str) -> ast.Module:
    """Parse a cell of the instructor, magics included; empty if it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in strings, say
            return ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError):
        return ast.Module([], type_ignores=[])


def function_names(cell: NotebookNode) -> list[str]:
    """Names of the functions that a solution cell of the instructor's notebook defines."""
    definitions = syntax_tree(cell.source).body
    return [node.name for node in definitions if isinstance(node, ast.FunctionDef)]


def defined_names(cell: NotebookNode) -> set[str]:
    """All names that a code cell of the instructor's notebook gives a value at top level."""
    return global_names(syntax_tree(cell.source))[0]


def global_names(code: ast.Module) -> tuple[set[str], set[str]]:
    """The global names to which code gives a value, and the other ones that it uses."""
    bound, used = set(), set()
    try:
        tables = [symtable.symtable(ast.unparse(code), "cell", "exec")]
    except SyntaxError:  # whoever runs it will say so
        tables = []
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if table.get_type() == "module" or symbol.is_global():
                binds = symbol.is_assigned() or symbol.is_imported()
                (bound if binds else used).add(symbol.get_name())
    return bound, used - bound


@lru_cache(maxsize=64)
def answers_tested_by(assignment: Assignment, test: str) -> dict[str, list[str]]:
    """The answers whose names a test uses, and the functions among them; else the one above it."""
    tree = syntax_tree(assignment.test_source(test))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found = {
        grade_id(cell): sorted(used.intersection(function_names(cell)))
        for cell in assignment.answers
        if used & defined_names(cell)
    }
    order = [grade_id(cell) for cell in assignment.cells]
    above = [one for one in map(grade_id, assignment.answers) if one in order[: order.index(test)]]
    return found or {answer: [] for answer in above[-1:]}


@lru_cache(maxsize=4)
def distinctive_names(assignment: Assignment) -> dict[str, list[str]]:
    """By grade id of the answer: functions and classes that no other answer defines."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = {
        grade_id(cell): [n.name for n in syntax_tree(cell.source).body if isinstance(n, kinds)]
        for cell in assignment.answers
    }
    uses = Counter(name for names in found.values() for name in set(names))
    return {answer: [n for n in names if uses[n] == 1] for answer, names in found.items()}


def _plain(preprocessor: object) -> dict[str, object]:
    """The settings of a preprocessor that differ from what it has by itself, as JSON can say."""
    own = type(preprocessor)(config=Config())
    return {
        name: getattr(preprocessor, name)
        for name in preprocessor.class_own_traits(config=True)
        if getattr(preprocessor, name) != getattr(own, name)
    }


def _check_size(directory: Path, files: Mapping[str, bytes]) -> None:
    limits = Limits()
    sizes = {directory / path: (len(data), limits.file_bytes) for path, data in files.items()}
    # Half of the room is for what students write.
    sizes[directory] = sum(map(len, files.values())), limits.scratch_bytes // 2
    for path, (size, most) in sizes.items():
        if size > most:
            raise AssignmentError(
                f"{path} has {size:,} bytes; a sandbox holds at most {most:,} of it."
            )


def _filled_in(path: Path, content: bytes, config: Config, course: CourseDirectory) -> bytes:
    """The notebook after those preprocessors of nbgrader that add to it, where they have to."""
    header = preprocessors.IncludeHeaderFooter(config=config)
    tests = preprocessors.InstantiateTests(config=config)
    if not (header.header or header.footer or tests.autotest_delimiter.encode() in content):
        return content
    try:
        notebook = _read(content)
        own = {cell.id for cell in notebook.cells}
        resources = {"metadata": {"path": str(path.parent.resolve())}}
        with contextlib.chdir(course.root):  # where nbgrader looks for files
            for preprocessor in (header, tests):
                notebook, resources = preprocessor.preprocess(notebook, resources)
    except OSError:
        raise
    except Exception as error:  # whatever the instructor's code raises
        raise AssignmentError(
            f"nbgrader cannot fill in header, footer and AUTOTEST cells of {path}: "
            f"{type(error).__name__}: {error}"
        ) from error
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.get("id") not in own:  # of the header: nbformat makes it up anew each time
            cell.id = f"added-{number}"
    return nbformat.writes(notebook).encode()


def _read(content: bytes) -> NotebookNode:
    """An instructor's notebook in format 4.5; cells without an id are numbered."""
    document = json.loads(content.decode("utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of missing ids
        notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
    old = document.get("nbformat") != 4
    saved = [] if old else document["cells"]
    used = {"grade id": [grade_id(cell) for cell in notebook.cells if grade_id(cell)]}
    used["cell id"] = [cell["id"] for cell in saved if "id" in cell]
    for kind, names in used.items():
        if repeated := [str(name) for name, uses in Counter(names).items() if uses > 1]:
            several = f"several cells with the {kind} {', '.join(repeated)}"
            raise AssignmentError(f"The instructor's notebook has {several}.")
    for number, cell in enumerate(notebook.cells, start=1):
        if old or "id" not in saved[number - 1]:
            cell.id = f"cell-{number}"
    notebook.update(nbformat=4, nbformat_minor=5)
    return notebook


@lru_cache(maxsize=8)  # a worker grades many submissions of the same assignment
def _parse(notebook: bytes) -> NotebookNode:
    try:
        parsed = _read(notebook)
        nbformat.validate(parsed)
    except (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError) as error:
        raise AssignmentError(f"The instructor's notebook cannot be read: {error}") from error
    kernel = parsed.metadata.get("kernelspec", {})
    name = kernel.get("name", "python3")
    language = kernel.get("language") or parsed.metadata.get("language_info", {}).get("name")
    if language is None:  # only the kernel's name can tell
        language = "python" if name.lower().startswith("python") else name
    if language.lower() not in ("python", "ipython"):
        raise AssignmentError(
            f"The notebook has the kernel {kernel.get('display_name', name)!r} (language "
            f"{language}); only Python can be graded here."
        )
    return parsed


@lru_cache(maxsize=8)
def _released_cells(notebook: bytes, settings: str) -> tuple[NotebookNode, ...]:
    cells = [_bare_cell(cell) for cell in _parse(notebook).cells]
    metadata = {"kernelspec": {"language": "python"}}
    released = nbformat.from_dict({"metadata": metadata, "cells": cells})
    config = Config(json.loads(settings))
    for kind in _CLEARING:
        try:
            released, _ = kind(config=config).preprocess(released, {})
        except Exception as error:  # of a region without an end, or a setting of another type
            raise AssignmentError(f"nbgrader cannot make the release: {error}") from error
    for cell in released.cells:
        if grade_id(cell):
            # nbgrader writes "No response." under an answer whose checksum is that of the stub.
            cell.metadata.nbgrader.checksum = compute_checksum(cell)
    return tuple(released.cells)


def _bare_cell(cell: NotebookNode) -> dict[str, object]:
    """A cell of ours with the metadata that grading needs."""
    metadata: dict[str, object] = {"autograder": {"role": str(role(cell))}}
    if "tags" in cell.metadata:
        metadata["tags"] = list(cell.metadata.tags)
    if grade_id(cell):
        metadata["nbgrader"] = _NBGRADER_DEFAULTS | cell.metadata.nbgrader
        metadata["nbgrader"]["cell_type"] = cell.cell_type
    kept = ("id", "cell_type", "source", "attachments")
    bare = {**{key: cell[key] for key in kept if key in cell}, "metadata": metadata}
    if cell.cell_type == "code":
        bare.update(execution_count=None, outputs=[])
    return bare
