"""What the report says about an assignment: the gradebook, and the facts of each submission."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from gettext import NullTranslations
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from nbgrader import api
from nbgrader.utils import is_grade, is_task
from sqlalchemy import NullPool, create_engine, make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from autograder.assignment import Role, answers_tested_by, grade_id, role
from autograder.course.folder import Course, CourseError
from autograder.facts import Facts, Repair, RuleViolation, Verdict
from autograder.grading.calibration import Reason
from autograder.language import WORDS, fill, in_words
from autograder.nbgrader_plugin.feedback import headings
from autograder.text import readable

_WORDS = WORDS["report"]
_BARS = 10  # of the distribution of scores


@dataclass
class Student:
    """What gradebook and facts say about a student; exercises go by the grade id of their test."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    scores: dict[str, float] = field(default_factory=dict)  # with corrections; empty: no submission
    passed: set[str] = field(default_factory=set)  # the exercises whose tests passed
    penalties: dict[str, float] = field(default_factory=dict)  # for being late, by notebook
    late_by: timedelta = timedelta(0)
    for_grader: str = ""  # why a person has to look at the submission
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    repairs: list[Repair] = field(default_factory=list)
    violations: list[RuleViolation] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What a person reads: the name with the id, or the id alone."""
        name = f"{self.first_name} {self.last_name}".strip()
        return readable(f"{name} ({self.id})" if name else self.id)

    @property
    def score(self) -> float:
        """Points for the assignment."""
        return max(0, sum(self.scores.values()) - sum(self.penalties.values()))


class Mistake(NamedTuple):
    """A code of verdicts, one of them, and who made it where."""

    code: str
    example: Verdict
    where: list[str]  # exercises, with the number of answers where there are several
    students: list[str]


@dataclass(frozen=True)
class Report:
    """What the page says, in its language. Lists begin with what is most frequent, or latest."""

    assignment: str
    titles: dict[str, str]  # by exercise, in the notebook's order
    points: dict[str, float]  # what each exercise can earn
    results: list[Student]  # those who submitted something, in the order of their ids
    absent: list[Student]
    scores: list[float]  # of the submissions
    distribution: dict[str, int]  # how many students have a score in each part of the range
    passed: dict[str, int]  # how many passed the tests; people grade exercises without any
    mean_points: dict[str, float]  # of each exercise
    mistakes: list[Mistake]
    for_grader: dict[str, list[str]]  # why a person has to look at submissions, and whose
    repairs: dict[str, list[str]]  # what was found or repaired, and in whose notebooks
    broken_rules: dict[str, list[str]]  # which, and by whom
    late: list[Student]
    modes: dict[str, Reason | None]  # as of `Course`


def read_report(course: Course) -> Report:
    """Read from the gradebook what there is to report on an assignment."""
    url = make_url(course.directory.db_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database).is_file():
        raise CourseError(
            f"There is no gradebook {url.database}. Generate the assignment and grade it first."
        )
    course.recall_modes()
    try:
        with Session(create_engine(url, poolclass=NullPool)) as session:
            students = _students(session, course)
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise CourseError(
            f"The gradebook {url.database} cannot be read: {reason}. If another version of "
            "nbgrader made it, make a copy of it and run 'nbgrader db upgrade'."
        ) from error
    results = [student for student in students if student.scores]
    if not results:
        raise CourseError(
            f"Nothing to report: no submission of {course.assignment_id} has been graded yet."
        )
    for student in results:
        _add_facts(course, student)
    titles, points = _exercises(course)
    tests = {course.label(*test) for test in course.tests}
    scores = [student.score for student in results]
    late = [student for student in results if student.late_by]
    words = course.words
    return Report(
        assignment=course.assignment_id,
        titles=titles,
        points=points,
        results=results,
        absent=[student for student in students if not student.scores],
        scores=scores,
        distribution=_distribution(scores, sum(points.values()), words),
        passed={one: sum(one in r.passed for r in results) for one in titles if one in tests},
        mean_points={one: mean(r.scores.get(one, 0) for r in results) for one in titles},
        mistakes=_mistakes(results, titles),
        for_grader=_by_frequency((r.for_grader, r) for r in results if r.for_grader),
        repairs=_by_frequency((one.text(words), r) for r in results for one in r.repairs),
        broken_rules=_by_frequency(
            (words.pgettext(one.rule, one.title), r) for r in results for one in r.violations
        ),
        late=sorted(late, key=lambda student: student.late_by, reverse=True),
        modes=course.modes,
    )


def _students(session: Session, course: Course) -> list[Student]:
    """All students of the course in the order of their ids, as the gradebook knows them."""
    names = api.Student.id, api.Student.first_name, api.Student.last_name, api.Student.email
    rows = session.execute(select(*names).order_by(api.Student.id))
    students = {row.id: Student(*(value or "" for value in row)) for row in rows}
    submission, grade = api.SubmittedAssignment, api.Grade
    grades = (
        select(submission.student_id, submission.timestamp, submission.extension)
        .add_columns(api.Assignment.duedate, api.SubmittedNotebook.late_submission_penalty)
        .add_columns(api.Notebook.name.label("notebook"), api.BaseCell.name.label("cell"))
        .add_columns(grade.auto_score, grade.manual_score, grade.score, grade.needs_manual_grade)
        .select_from(submission)
        .join(api.Assignment)
        .join(api.SubmittedNotebook)
        .join(api.Notebook)
        .join(api.Grade)
        .join(api.BaseCell, api.Grade.cell_id == api.BaseCell.id)
        .where(api.Assignment.name == course.assignment_id, api.Notebook.name.in_(course.notebooks))
    )
    for row in session.execute(grades):
        student = students[row.student_id]
        if row.timestamp and row.duedate:
            late_by = row.timestamp - row.duedate - (row.extension or timedelta(0))
            student.late_by = max(timedelta(0), timedelta(seconds=int(late_by.total_seconds())))
        student.penalties[row.notebook] = row.late_submission_penalty or 0
        exercise = course.label(row.notebook, row.cell)
        student.scores[exercise] = row.score
        if row.auto_score:
            student.passed.add(exercise)
        if row.needs_manual_grade:
            why = _WORDS["marked" if row.manual_score is None else "set-by-hand"]
            student.for_grader = course.words.pgettext("report", why)
    return list(students.values())


def _add_facts(course: Course, student: Student) -> None:
    """Add what grading found out, if it was done here: else points are all that is known."""
    executed = course.folder(course.directory.autograded_directory, student.id)
    for name in course.notebooks:
        facts = Facts.read(executed / f"{name}.ipynb") or Facts()
        student.verdicts |= {course.label(name, t): v for t, v in facts.verdicts.items()}
        student.violations += facts.violations
        for repair in facts.repairs:
            if repair.code == "other-notebook":
                student.for_grader = student.for_grader or repair.text(course.words)
            else:
                student.repairs.append(repair)
        if student.for_grader and facts.failure:
            reason = {"reason": in_words(course.words, facts.failure)}
            student.for_grader = fill(course.words.pgettext("report", _WORDS["unread"]), reason)
    if student.verdicts:
        student.passed = {test for test, verdict in student.verdicts.items() if verdict.passed}


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


def _distribution(scores: list[float], max_score: float, words: NullTranslations) -> dict[str, int]:
    template = words.pgettext("report", _WORDS["range"])
    largest = max(max_score, *scores) or 1
    counts = Counter(min(int(_BARS * score / largest), _BARS - 1) for score in scores)
    edges = [f"{largest * edge / _BARS:g}" for edge in range(_BARS + 1)]
    return {template.format(*edges[bar : bar + 2]): counts[bar] for bar in range(_BARS)}


def _mistakes(results: list[Student], titles: dict[str, str]) -> list[Mistake]:
    made: dict[str, list[tuple[Verdict, str, str]]] = defaultdict(list)
    for student in results:
        for test, verdict in student.verdicts.items():
            exercise = titles.get(test, test).partition(":")[0]
            made[verdict.code].append((verdict, exercise, student.name))
    made.pop("", None)
    mistakes = []
    for code, places in made.items():
        examples, exercises, names = zip(*places, strict=True)
        counts = sorted(Counter(exercises).items())
        where = [name if number == 1 else f"{name} ({number})" for name, number in counts]
        mistakes.append(Mistake(code, examples[0], where, list(dict.fromkeys(names))))
    return sorted(mistakes, key=lambda one: (-len(one.students), one.code))


def _by_frequency(found: Iterable[tuple[str, Student]]) -> dict[str, list[str]]:
    """The names of those for whom something was found, by what it was."""
    students: dict[str, dict[str, None]] = defaultdict(dict)
    for what, student in found:
        students[what][student.name] = None
    return {
        what: list(names)
        for what, names in sorted(students.items(), key=lambda item: (-len(item[1]), item[0]))
    }
