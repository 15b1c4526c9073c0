"""The feedback page and the comments: what students read, and what graders wrote."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import notebook_hash

from autograder.course.folder import Course
from autograder.report.data import read_report
from examples.demo import make_course
from tests.support import browser, courses
from tests.support.mistakes import MISTAKES

XAVIER = next(m for m in MISTAKES if m.name == "xavier" and m.exercise == "he").source
HOSTILE = """\
def initialize_parameters_zeros(layers_dims):
    '''</pre><script>document.title = "pwned"</script>'''
    raise ValueError('<img src=x onerror="document.title = 1"> **bold** [a](javascript:1)')
"""
PRINTS = """\
def initialize_parameters_zeros(layers_dims):
    print("<b>here</b>")
    parameters = {}
    for l in range(1, len(layers_dims)):
        parameters["W" + str(l)] = np.zeros((layers_dims[l], layers_dims[l - 1]))
        parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))
    return parameters
"""
REMARK = "Look at **ReLU** again. <script>alert(1)</script> [here](javascript:alert(1))"


@pytest.fixture(scope="module")
def graded(course_template, tmp_path_factory):
    """A course with feedback for a few submissions; copy it before changing it."""
    folder = courses.copy_of(course_template, tmp_path_factory.mktemp("graded") / "course")
    courses.hand_in(folder, "o'brien", courses.answers())
    xavier = courses.hand_in(folder, "xavier", courses.answers(he=XAVIER))
    (xavier.parent / "timestamp.txt").write_text("2026-03-02 09:00:00 UTC")  # as collect does
    courses.hand_in(folder, "prints", courses.answers(zeros=PRINTS))
    hostile = courses.hand_in(folder, "hostile", courses.answers(zeros=HOSTILE))
    notebook = nbformat.read(hostile, 4)
    notebook.cells.append(new_code_cell("print('<script>document.title = 2</script>')"))
    nbformat.write(notebook, hostile)
    broken = courses.submission_path(folder, "broken")
    broken.parent.mkdir(parents=True)
    broken.write_text("{")
    assert courses.grade(folder).returncode == 1
    with gradebook(folder) as book:
        by_hand(book, "xavier", 4, REMARK)
        book.find_submission_notebook(*names("prints")).late_submission_penalty = 3
        book.db.commit()
    generate_feedback(folder)
    return folder


def gradebook(folder):
    return Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "initialization")


def names(student):
    return courses.ASSIGNMENT, courses.ASSIGNMENT, student


def by_hand(book, student, score, comment):
    """Do what Formgrader does when a grader types a score and a comment."""
    grade = book.find_grade("test-he", *names(student))
    grade.manual_score, grade.needs_manual_grade = score, False
    book.find_comment("initialize-he", *names(student)).manual_comment = comment
    book.db.commit()


def generate_feedback(folder, *arguments):
    result = courses.run(folder, "nbgrader", "generate_feedback", "Initialization", *arguments)
    assert result.returncode == 0, result.stderr


def path(folder, student):
    return folder / "feedback" / student / courses.ASSIGNMENT / f"{courses.ASSIGNMENT}.html"


def page(folder, student):
    return BeautifulSoup(path(folder, student).read_text(encoding="utf-8"), "html.parser")


def words(element):
    return " ".join(element.get_text(" ").split())


def active_parts(html):
    """Everything in a page that could run, load or lead somewhere by itself."""
    found = [tag.name for tag in html(["script", "iframe", "object", "embed", "link", "form"])]
    for tag in html(True):
        for name, value in tag.attrs.items():
            local = str(value).startswith(("#", "data:image/png;base64,"))
            if name.startswith("on") or (name in ("href", "src", "action") and not local):
                found.append(f"{tag.name} {name}={value}")
    return found


def test_scores_stand_at_the_top_with_a_line_for_each_exercise(graded):
    html = page(graded, "xavier")
    assert words(html.find(class_="score")) == "24 of 30 points"
    rows = [words(row) for row in html.find("tbody")("tr")]
    assert rows[0] == "Exercise 1: zeros 10 of 10 Right."
    assert rows[2] == "Exercise 3: He initialization 4 of 10 Not yet. With a comment by a grader."
    for link in html.find("tbody")("a"):
        assert html.find(id=link["href"].removeprefix("#")), link


def test_the_diagnosis_stands_beside_the_students_own_code(graded):
    section = page(graded, "xavier").find(id="test-he")
    assert section.find(class_="source").get_text() == XAVIER.strip()
    said = words(section.find(class_="said"))
    assert "Hint: " in said and "[scale-xavier]" in said
    for fact in ("[scale-xavier]", "Hint: ", "The scale is that of"):
        assert words(page(graded, "xavier")).count(fact) == 1


def test_a_line_of_code_is_an_element_so_that_lines_can_be_counted(graded):
    section = page(graded, "xavier").find(id="test-he")
    assert len(section(class_="line")) == len(XAVIER.strip().split("\n"))


def test_rule_findings_stand_with_their_exercise_and_cost_nothing(graded):
    section = page(graded, "prints").find(id="test-zeros")
    assert "initialize-zeros, line 2: No extra print calls" in words(section)
    assert "This cost no points." in words(section)
    assert "10 of 10 points" in words(section)


def test_what_concerns_the_whole_notebook_is_said_once(graded):
    html = page(graded, "hostile")
    assert words(html).count("No extra code cells") == 1
    assert html.find("h2").get_text() == "About the whole notebook"


def test_the_late_penalty_is_shown_and_counted(graded):
    html = page(graded, "prints")
    assert words(html.find(class_="score")) == "27 of 30 points"
    assert "3 points were taken off because it was handed in late" in words(html)


def test_a_submission_that_cannot_be_read_gets_the_reason(graded):
    html = page(graded, "broken")
    assert "could not be read" in html.find("h2").get_text()
    assert "not complete JSON" in words(html)
    assert not html("section")


@pytest.mark.parametrize("student", ["o'brien", "xavier", "prints", "hostile", "broken"])
def test_no_page_shows_a_hidden_test(graded, student):
    html = path(graded, student).read_text(encoding="utf-8")
    assert not re.search("HIDDEN|check_hidden|expected_he|np\\.array_equal|_test\\(", html)


@pytest.mark.parametrize("student", ["o'brien", "prints", "hostile", "broken", "xavier"])
def test_nothing_in_a_page_runs_or_is_loaded(graded, student):
    html = page(graded, student)
    policy = html.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none';")
    assert active_parts(html) == []


def test_the_search_for_active_parts_finds_them_in_the_page_of_nbgrader(graded, tmp_path):
    folder = courses.copy_of(graded, tmp_path / "course")
    config = folder / "nbgrader_config.py"
    config.write_text(config.read_text() + "\ndel c.GenerateFeedback\n")
    generate_feedback(folder, "--force", "--student", "xavier")
    assert {"script", "link"} & set(active_parts(page(folder, "xavier")))


def test_words_of_a_student_stay_plain_text(graded):
    section = page(graded, "hostile").find(id="test-zeros")
    said = section.find(class_="said")
    assert '<img src=x onerror="document.title = 1">' in words(said)
    assert "**bold** [a](javascript:1)" in words(said)
    assert not said(["b", "strong", "em", "a", "img"], string=lambda text: text != "Hint:")
    assert "[stops-itself]" in words(said)


def test_a_graders_comment_is_markdown_without_html(graded):
    comment = page(graded, "xavier").find(class_="person")
    assert comment.find("strong").get_text() == "ReLU"
    assert "<script>alert(1)</script>" in words(comment)
    assert "set by a grader" in words(page(graded, "xavier").find(id="test-he"))


@pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)
@pytest.mark.parametrize("student", ["xavier", "hostile"])
def test_a_page_fits_a_phone_and_runs_nothing_in_a_browser(graded, student):
    address = path(graded, student).as_uri()
    asked, complaints = [], []
    with browser.chromium() as open_window:
        window = open_window(viewport={"width": 390, "height": 844})
        view = window.page
        view.on("request", lambda request: asked.append(request.url))
        view.on("console", lambda message: complaints.append(message.text))
        view.goto(address)
        assert view.evaluate("document.documentElement.scrollWidth") == 390
        assert view.title() == f"Initialization: feedback for {student}"
    assert (asked, complaints, window.complaints) == ([address], [], [])


def test_formgrader_makes_the_same_page(graded, tmp_path):
    folder = courses.copy_of(graded, tmp_path / "course")
    before = path(folder, "xavier").read_text()
    path(folder, "xavier").unlink()
    config = Course(folder, courses.ASSIGNMENT).config
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    result = api.generate_feedback(courses.ASSIGNMENT, "xavier")
    assert result["success"], result
    assert path(folder, "xavier").read_text() == before


def test_nbgrader_releases_the_page(graded, tmp_path):
    folder = courses.copy_of(graded, tmp_path / "course")
    # nbgrader's submit writes this file. The others were dropped in by hand, and have none.
    (folder / "autograded/xavier/Initialization/submission_secret.txt").write_text("secret")
    generate_feedback(folder, "--force")
    result = courses.run(folder, "nbgrader", "release_feedback", "Initialization")
    assert result.returncode == 0, result.stderr
    pages = {page.read_bytes() for page in folder.glob("feedback/*/*/*.html")}
    assert {page.read_bytes() for page in (folder / "exchange").rglob("*.html")} == pages
    fetched_with = notebook_hash(secret="secret", notebook_id="Initialization")
    (released,) = (folder / "exchange").rglob(f"{fetched_with}.html")
    assert released.read_bytes() == path(folder, "xavier").read_bytes()


@pytest.fixture(scope="module", params=["autograder", "nbgrader"])
def graded_again(request, graded, tmp_path_factory):
    """The course after two students were graded again, with points taken off for broken rules."""
    folder = courses.copy_of(graded, tmp_path_factory.mktemp("again") / "course")
    config = folder / "nbgrader_config.py"
    config.write_text(config.read_text() + "\nc.Grading.points_per_violation = 2.5\n")
    if request.param == "autograder":
        result = courses.grade(folder, "prints", "xavier", "--force")
        assert result.returncode == 0
        assert "27.5" in result.stdout  # the table shows the points that the gradebook holds
    else:
        for student in ("prints", "xavier"):
            arguments = ("Initialization", f"--student={student}", "--force")
            assert courses.run(folder, "nbgrader", "autograde", *arguments).returncode == 0
    return folder


def test_grading_again_keeps_what_a_grader_set_and_wrote(graded_again):
    with gradebook(graded_again) as book:
        grade = book.find_grade("test-he", *names("xavier"))
        comment = book.find_comment("initialize-he", *names("xavier"))
        assert (grade.manual_score, grade.auto_score, grade.score) == (4, 0, 4)
        assert comment.manual_comment == REMARK
        assert "[scale-xavier]" in comment.auto_comment


def test_an_instructor_can_let_a_broken_rule_cost_points(graded, graded_again):
    assert courses.scores(graded)["prints"] == [10, 10, 10]
    assert courses.scores(graded_again)["prints"] == [7.5, 10, 10]
    assert "Points taken off for this: 2.5." in courses.comments(graded_again)["prints"][0]


# Several tests of one answer, and one test of several answers

CELLS = {
    "answer-mean": "def mean(values):\n    ### BEGIN SOLUTION\n"
    "    return sum(values) / len(values)\n    ### END SOLUTION",
    "answer-total": "def total(values):\n    ### BEGIN SOLUTION\n    return sum(values)\n"
    "    ### END SOLUTION",
    "test-numbers": "assert mean([1, 2, 3]) == 2, 'The mean of 1, 2 and 3 is 2.'",
    "test-one": "assert mean([4]) == 4\nprint('One number is its own mean.')",
    "test-both": "assert total([1, 3]) / 2 == mean([1, 3]), 'Total and mean do not agree.'",
}

KERNEL = {"name": "python3", "language": "python", "display_name": "Python 3"}


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A course with one graded submission: its mean is right for one number only."""
    folder = tmp_path_factory.mktemp("several") / "course"
    make_course(folder)
    path = folder / "source" / courses.ASSIGNMENT / f"{courses.ASSIGNMENT}.ipynb"
    cells = []
    for name, source in CELLS.items():
        is_test = name.startswith("test")
        settings = {"grade_id": name, "grade": is_test, "solution": not is_test, "locked": is_test}
        settings |= {"schema_version": 3} | ({"points": 2} if is_test else {})
        cells.append(new_code_cell(source, id=name, metadata={"nbgrader": settings}))
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), path)
    result = courses.run(folder, "nbgrader", "generate_assignment", courses.ASSIGNMENT)
    assert result.returncode == 0, result.stderr
    notebook = nbformat.read(courses.released(folder), 4)
    notebook.cells[0].source = "def mean(values):\n    return values[0]"
    notebook.cells[1].source = "def total(values):\n    return sum(values)"
    submitted = courses.submission_path(folder, "ada")
    submitted.parent.mkdir(parents=True)
    nbformat.write(notebook, submitted)
    assert courses.grade(folder).returncode == 0
    result = courses.run(folder, "nbgrader", "generate_feedback", courses.ASSIGNMENT)
    assert result.returncode == 0, result.stderr
    return folder


def test_each_test_stands_on_the_page_with_its_own_verdict(several):
    (page,) = several.glob("feedback/ada/*/*.html")
    html = BeautifulSoup(page.read_text(), "html.parser")
    said = {section["id"]: section.get_text(" ") for section in html("section", id=True)}
    assert "The mean of 1, 2 and 3 is 2." in said["test-numbers"]
    assert "One number is its own mean." in said["test-one"]
    assert "Total and mean do not agree." in said["test-both"]
    shown = [source for source in html("pre", "source") if "values[0]" in source.get_text()]
    assert len(shown) == 1
    assert "About the code of answer-mean above." in said["test-one"]


def test_formgrader_shows_each_verdict_under_the_answer(several):
    with gradebook(several) as book:
        notebook = book.find_submission_notebook(*names("ada"))
        comments = {comment.name: comment.auto_comment for comment in notebook.comments}
    assert "test-numbers: The mean of 1, 2 and 3 is 2." in comments["answer-mean"]
    assert "test-one: One number is its own mean." in comments["answer-mean"]
    assert "test-both: Total and mean" in comments["answer-mean"]
    assert comments["answer-total"].startswith("Total and mean")


def test_the_report_counts_each_test(several):
    report = read_report(Course(several, courses.ASSIGNMENT))
    assert report.passed == {"test-numbers": 0, "test-one": 1, "test-both": 0}
    messages = [mistake.example.message for mistake in report.mistakes]
    assert messages == ["The mean of 1, 2 and 3 is 2."]
