"""The feedback page: what a student reads about a submission, in one minute.

A class of our own was chosen over a template for nbgrader's HTMLExporter, whose pages load scripts
from the network and escape nothing by themselves, and over a folder of templates in the
configuration, which Formgrader would search for its own pages too.
"""

import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mistune
from markupsafe import Markup
from nbconvert.exporters.exporter import Exporter, FilenameExtension, ResourcesDict
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import GetGrades
from pygments import formatters, highlight, lexers

from autograder.assignment import Role, grade_id
from autograder.config import Grading
from autograder.facts import Facts
from autograder.language import words_in
from autograder.submission.files import SECRET, TIMESTAMP, read_secret, timestamp_text
from autograder.templates import render

# A grader writes Markdown, but perhaps around words of the student: HTML in it stays text.
_MARKDOWN = mistune.create_markdown(escape=True, hard_wrap=True)
_ANSI_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class ReadGradebook(GetGrades):
    """Puts scores and comments into the notebook; tells a grader's from the automatic ones."""

    def _get_comment(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        place = grade_id(cell), self.notebook_id, self.assignment_id, self.student_id
        comment = self.gradebook.find_comment(*place)
        cell.metadata.nbgrader.comment = comment.auto_comment or ""
        cell.metadata.nbgrader.manual_comment = comment.manual_comment or ""

    def _get_score(self, cell: NotebookNode, resources: ResourcesDict) -> None:
        super()._get_score(cell, resources)
        place = grade_id(cell), self.notebook_id, self.assignment_id, self.student_id
        grade = self.gradebook.find_grade(*place)
        cell.metadata.nbgrader.manual_score = grade.manual_score is not None


class FeedbackExporter(Exporter):
    """Makes a feedback page of an autograded notebook that `ReadGradebook` has seen."""

    export_from_notebook = None  # not for JupyterLab's menu: it needs the gradebook
    file_extension = FilenameExtension(".html").tag(config=True)

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        converter: GenerateFeedback = self.parent
        converter.init_assignment = self._make_releasable

    def _make_releasable(self, assignment: str, student: str) -> None:
        """Write what ``nbgrader release_feedback`` needs, in the place of copies of all files."""
        # What did not come through the exchange has no time stamp, and no secret by which its
        # student can fetch the page. Without them nbgrader would stop, and release no other page.
        course = self.parent.coursedir
        graded = Path(course.format_path(course.autograded_directory, student, assignment))
        folder = Path(course.format_path(course.feedback_directory, student, assignment))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / TIMESTAMP).write_text(timestamp_text(graded) or "")
        if secret := read_secret(graded):
            (folder / SECRET).write_bytes(secret)
        elif read_secret(folder) is None:
            (folder / SECRET).write_text(uuid.uuid4().hex)

    def from_notebook_node(
        self, nb: NotebookNode, resources: ResourcesDict | None = None, **kw: object
    ) -> tuple[str, ResourcesDict]:
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        graded, course = resources["nbgrader"], self.parent.coursedir
        source = course.format_path(course.source_directory, ".", graded["assignment"])
        words = words_in(Grading.of(self.config).language, Path(source))
        facts = Facts.of(nb).in_words(words)
        answers = {grade_id(cell) for cell in nb.cells if _role(cell) == Role.ANSWER}
        exercises = _exercises(nb, facts)
        others = [one for one in nb.cells if _role(one) not in (Role.ANSWER, Role.TEST)]
        others = [one for one in others if one.cell_type == "code"]
        score = {"score": max(0, graded["score"]), "max_score": graded["max_score"]}
        columns = ("title", *score)
        rows = [{name: exercise[name] for name in columns} for exercise in exercises]
        page = render(
            "feedback.html.j2",
            words,
            **score,
            summary={**score, "exercises": rows},  # for programs
            assignment=graded["assignment"],
            student=graded["student"],
            late_penalty=graded["late_penalty"],
            facts=facts,
            elsewhere=facts.elsewhere(answers),
            exercises=exercises,
            other_cells=[_shown(c) for c in others if c.outputs or _role(c) == Role.STUDENT],
        )
        return page, resources


def _exercises(nb: NotebookNode, facts: Facts) -> list[dict[str, Any]]:
    """The cells that earn points, in the notebook's order, with the answers that they test."""
    titles = headings(nb.cells)
    cells = {grade_id(cell): cell for cell in nb.cells if _role(cell) == Role.ANSWER}
    shown: set[str] = set()  # with an earlier test; such an answer is only named with the others
    exercises = []
    for cell in nb.cells:
        if "score" not in cell.metadata.get("nbgrader", {}):
            continue
        name = grade_id(cell)
        own = [a for a, cell in cells.items() if name in (a, *cell.metadata.autograder.tests)]
        exercises.append(
            {
                "name": name,
                "title": next((titles[one] for one in reversed(own) if one in titles), name),
                "score": cell.metadata.nbgrader.score,
                "max_score": cell.metadata.nbgrader.points,
                "set_by_grader": cell.metadata.nbgrader.manual_score,
                "verdict": facts.verdicts.get(name),
                "answers": [_answer(cells[one], facts) for one in own if one not in shown],
                "shown_above": [one for one in own if one in shown],
            }
        )
        shown.update(own)
    return exercises


def headings(cells: Iterable[NotebookNode]) -> dict[str, str]:
    """The heading above each answer, in cells of which the role is known, by grade id."""
    titles = {}
    heading = None
    for cell in cells:
        kind = _role(cell)
        if kind == Role.GIVEN and cell.cell_type == "markdown":
            headings = re.findall(r"^#+ +(.+)$", cell.source, re.M)
            heading = headings[-1] if headings else heading
        elif kind == Role.ANSWER and heading:
            titles[grade_id(cell)] = heading
    return titles


def _answer(cell: NotebookNode, facts: Facts) -> dict[str, Any]:
    settings, ours = cell.metadata.nbgrader, cell.metadata.autograder
    return {
        "cell": _shown(cell),
        "is_code": cell.cell_type == "code",
        "violations": [one for one in facts.violations if one.cell == grade_id(cell)],
        "penalty": ours.penalty,
        # The tests speak for themselves; nbgrader says of a written answer that there is none.
        "automatic_comment": "" if ours.tests else settings.comment,
        "grader_comment": Markup(_MARKDOWN(settings.manual_comment)),
    }


def _role(cell: NotebookNode) -> str:
    return cell.metadata.autograder.role


def _shown(cell: NotebookNode) -> dict[str, Any]:
    # Grading marks long code like this, because some of it would keep Pygments busy for minutes.
    plain = cell.cell_type != "code" or cell.metadata.get("magics_language") == "text"
    lexer = (lexers.TextLexer if plain else lexers.PythonLexer)(stripnl=False)
    html = highlight(cell.source, lexer, formatters.HtmlFormatter(nowrap=True))
    # Pygments closes its elements at the end of each line, so that a line can be an element.
    lines = [f'<span class="line">{line}</span>' for line in html.removesuffix("\n").split("\n")]
    outputs = [_output(output) for output in cell.get("outputs", [])]
    return {"source": Markup("\n".join(lines)), "outputs": outputs}


def _output(output: NotebookNode) -> dict[str, str]:
    """Text, or a picture in base64 with its description."""
    data = output.get("data", {})
    lines = output.get("traceback", [output.get("text", data.get("text/plain", ""))])
    return {"text": _ANSI_COLOR.sub("", "\n".join(lines)), "png": data.get("image/png", "")}
