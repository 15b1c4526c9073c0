"""What the report says about an assignment: the gradebook, and the facts of each submission."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from statistics import mean

from nbgrader import api
from nbgrader.utils import is_grade, is_task
from sqlalchemy import Select, create_engine, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.assignment import Role, answers_tested_by, grade_id, role
from autograder.course.folder import Course, CourseError
from autograder.facts import Facts
from autograder.grading.calibration import Reason
from autograder.nbgrader_plugin.feedback import headings
from autograder.text import readable

_WHY_SET_BY_HAND = "A score set by hand was kept when it was graded again: is it still right?"
_WHY_MARKED = "nbgrader has marked it for manual grading."
_OTHER_NOTEBOOK = "other-notebook"


@dataclass(frozen=True)
class Student:
    """A student as the gradebook knows them."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""

    @property
    def name(self) -> str:
        """What a person reads: the name with the id, or the id alone."""
        name = f"{self.first_name} {self.last_name}".strip()
        return readable(f"{name} ({self.id})" if name else self.id)


@dataclass
class Result:
    """What gradebook and facts say about one submission."""

    student: Student
    scores: dict[str, float] = field(default_factory=dict)  # by exercise, with corrections
    passed: set[str] = field(default_factory=set)  # the exercises whose tests passed
    facts: Facts = field(default_factory=Facts)  # of all notebooks
    for_grader: str = ""  # why a person has to look at it
    late_by: timedelta = timedelta(0)
    penalty: float = 0  # points taken off for being late

    @property
    def score(self) -> float:
        """Points for the assignment."""
        return max(0, sum(self.scores.values()) - self.penalty)


@dataclass(frozen=True)
class Mistake:
    """A code of verdicts, the message of one of them, and who made it where."""

    code: str
    example: str
    exercises: Counter[str] = field(default_factory=Counter)
    students: list[str] = field(default_factory=list)

    @property
    def where(self) -> list[str]:
        """The exercises, with the number of answers where there are several."""
        return [
            exercise if answers == 1 else f"{exercise} ({answers})"
            for exercise, answers in sorted(self.exercises.items())
        ]


@dataclass(frozen=True)
class Report:
    """Everything that the report says; exercises go by the grade id of their test."""

    assignment: str
    titles: dict[str, str]  # by exercise, in the notebook's order
    points: dict[str, float]  # what each exercise can earn
    results: list[Result]  # of those who submitted something, in the order of their ids
    absent: list[Student]
    tests: set[str]  # the exercises with a test; people grade the others
    modes: dict[
        str, Reason | None
    ]  # why a test runs inside, None if outside; none before the first grading

    @cached_property
    def max_score(self) -> float:
        """What the assignment can earn."""
        return sum(self.points.values())

    @cached_property
    def scores(self) -> list[float]:
        """The score of each submission."""
        return [result.score for result in self.results]

    @cached_property
    def passed(self) -> dict[str, int]:
        """How many submissions passed the tests of each exercise that has any."""
        with_test = [test for test in self.titles if test in self.tests]
        return {test: sum(test in one.passed for one in self.results) for test in with_test}

    @cached_property
    def mean_points(self) -> dict[str, float]:
        """Mean score of each exercise."""
        return {test: mean(r.scores.get(test, 0) for r in self.results) for test in self.titles}

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """The mistakes, those of most students first."""
        found: dict[str, Mistake] = {}
        for result in self.results:
            for test, verdict in result.facts.verdicts.items():
                if verdict.code:
                    new = Mistake(verdict.code, verdict.message)
                    mistake = found.setdefault(verdict.code, new)
                    mistake.exercises[self.titles.get(test, test).partition(":")[0]] += 1
                    if result.student.name not in mistake.students:
                        mistake.students.append(result.student.name)
        return sorted(found.values(), key=lambda one: (-len(one.students), one.code))

    @cached_property
    def repairs(self) -> dict[str, list[str]]:
        """What was repaired, and in whose notebooks, the most frequent first."""
        return _by_frequency(
            (str(repair), result)
            for result in self.results
            for repair in result.facts.repairs
            if repair.code != _OTHER_NOTEBOOK  # it stands in `for_grader`
        )

    @cached_property
    def broken_rules(self) -> dict[str, list[str]]:
        """Which of the rules were broken, and by whom, the most frequent first."""
        return _by_frequency((v.title, r) for r in self.results for v in r.facts.violations)

    @cached_property
    def for_grader(self) -> dict[str, list[str]]:
        """Why a person has to look at submissions, and whose, the most frequent first."""
        return _by_frequency((r.for_grader, r) for r in self.results if r.for_grader)

    @cached_property
    def late(self) -> list[Result]:
        """The late submissions, the latest first."""
        late = [result for result in self.results if result.late_by]
        return sorted(late, key=lambda result: result.late_by, reverse=True)


def read_report(course: Course) -> Report:
    """Read from the gradebook what there is to report on an assignment."""
    url = make_url(course.directory.db_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database).is_file():
        raise CourseError(
            f"There is no gradebook {url.database}. Generate the assignment and grade it first."
        )
    course.recall_modes()
    engine = create_engine(url)
    try:
        with Session(engine) as session:
            students = _students(session)
            results = _results(session, course, students)
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise CourseError(
            f"The gradebook {url.database} cannot be read: {reason}. If another version of "
            "nbgrader made it, make a copy of it and run 'nbgrader db upgrade'."
        ) from error
    finally:
        engine.dispose()
    if not results:
        raise CourseError(
            f"Nothing to report: no submission of {course.assignment_id} has been graded yet."
        )
    for student, result in results.items():
        _add_facts(course, student, result)
    return Report(
        course.assignment_id,
        *_exercises(course),
        [results[student] for student in sorted(results)],
        [students[student] for student in sorted(students) if student not in results],
        {course.label(*test) for test in course.tests},
        course.modes,
    )


def _students(session: Session) -> dict[str, Student]:
    """All students of the course, by id."""
    columns = api.Student.id, api.Student.first_name, api.Student.last_name, api.Student.email
    rows = session.execute(select(*columns))
    return {row.id: Student(*(value or "" for value in row)) for row in rows}


def _results(session: Session, course: Course, students: dict[str, Student]) -> dict[str, Result]:
    """What the gradebook says about those who submitted something, by student id."""
    results: dict[str, Result] = {}
    submitted = _submitted(course)
    for row in session.execute(
        submitted.add_columns(
            api.SubmittedAssignment.timestamp,
            api.SubmittedAssignment.extension,
            api.Assignment.duedate,
        )
    ):
        result = results[row.student] = Result(students[row.student])
        if row.timestamp and row.duedate:
            due = row.duedate + (row.extension or timedelta(0))
            result.late_by = max(timedelta(0), row.timestamp - due)
    notebooks = submitted.join(api.SubmittedNotebook).join(api.Notebook)
    notebooks = notebooks.where(api.Notebook.name.in_(course.notebooks))
    for row in session.execute(
        notebooks.add_columns(api.SubmittedNotebook.late_submission_penalty.label("penalty"))
    ):
        results[row.student].penalty += row.penalty or 0
    grades = notebooks.join(api.Grade).join(api.BaseCell, api.Grade.cell_id == api.BaseCell.id)
    for row in session.execute(
        grades.add_columns(
            api.Notebook.name.label("notebook"),
            api.BaseCell.name,
            api.Grade.auto_score,
            api.Grade.manual_score,
            api.Grade.score,
            api.Grade.needs_manual_grade,
        )
    ):
        result = results[row.student]
        name = course.label(row.notebook, row.name)
        result.scores[name] = row.score
        if row.auto_score:
            result.passed.add(name)
        if row.needs_manual_grade:
            result.for_grader = _WHY_MARKED if row.manual_score is None else _WHY_SET_BY_HAND
    return results


def _submitted(course: Course) -> Select:
    return (
        select(api.SubmittedAssignment.student_id.label("student"))
        .select_from(api.SubmittedAssignment)
        .join(api.Assignment)
        .where(api.Assignment.name == course.assignment_id)
    )


def _add_facts(course: Course, student: str, result: Result) -> None:
    """Add what grading found out, if it was done here: else points are all that is known."""
    executed = course.folder(course.directory.autograded_directory, student)
    found = {name: Facts.read(executed / f"{name}.ipynb") for name in course.notebooks}
    facts = {name: one for name, one in found.items() if one is not None}
    if not facts:
        return
    result.facts = Facts(
        failure=" ".join(dict.fromkeys(one.failure for one in facts.values() if one.failure)),
        repairs=[repair for one in facts.values() for repair in one.repairs],
        violations=[violation for one in facts.values() for violation in one.violations],
        verdicts={
            course.label(name, test): verdict
            for name, one in facts.items()
            for test, verdict in one.verdicts.items()
        },
    )
    result.passed = {test for test, verdict in result.facts.verdicts.items() if verdict.passed}
    others = [repair for repair in result.facts.repairs if repair.code == _OTHER_NOTEBOOK]
    if others and not result.for_grader:
        result.for_grader = str(others[0])
    if result.for_grader and result.facts.failure:
        result.for_grader = f"The submission could not be read: {result.facts.failure}"


def _exercises(course: Course) -> tuple[dict[str, str], dict[str, float]]:
    """Titles and points of all graded cells, by label, in the notebooks' order."""
    titles, points = {}, {}
    for name, assignment in course.notebooks.items():
        above = headings(assignment.released_cells())
        for cell in assignment.cells:
            if is_grade(cell) or is_task(cell):
                own = grade_id(cell)
                tested = answers_tested_by(assignment, own) if role(cell) is Role.TEST else [own]
                label = course.label(name, own)
                points[label] = float(cell.metadata.nbgrader.get("points", 0))
                # A test that uses several answers tests the last of them.
                found = (above[answer] for answer in reversed(list(tested)) if answer in above)
                titles[label] = next(found, label)
    repeated = Counter(titles.values())
    for label, title in titles.items():
        if repeated[title] > 1 and title != label:
            titles[label] = f"{title} ({label})"
    return titles, points


def _by_frequency(found: Iterable[tuple[str, Result]]) -> dict[str, list[str]]:
    """The names of those for whom something was found, by what it was."""
    students: dict[str, list[str]] = defaultdict(list)
    for what, result in found:
        if result.student.name not in students[what]:
            students[what].append(result.student.name)
    return dict(sorted(students.items(), key=lambda item: (-len(item[1]), item[0])))
