"""The instructor's whole way in JupyterLab, and what students see of it.

The tests follow each other as the steps of a course do: they share one course folder, the
instructor's window and that of the student Ada, who uses JupyterLab. Bela uses the command line.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import FrameLocator, Locator

from examples.demo import make_course
from tests.support import browser, courses
from tests.support.browser import Notebook, Window, expect
from tests.support.mistakes import RIGHT_WEIGHTS, answer

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)

XAVIER = answer("he", RIGHT_WEIGHTS["he"].replace("2 /", "1 /"))
REMARK = "Almost: compare with section 6."


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder in which nothing has been generated yet."""
    folder = tmp_path_factory.mktemp("instructor") / "course"
    make_course(folder)
    return folder


@pytest.fixture(scope="module")
def desks(course: Path) -> dict[str, Path]:
    """Folders of the students."""
    folders = {}
    for student in ("ada", "bela"):
        desk = folders[student] = course.parent / student / "work"
        desk.mkdir(parents=True)
        config = (course / "nbgrader_config.py").read_text()
        (desk / "nbgrader_config.py").write_text(
            config
            + f"c.Exchange.root = {str(course / 'exchange')!r}\n"
            + f"c.Exchange.cache = {str(desk.parent / 'cache')!r}\n"
            + f"c.CourseDirectory.student_id = {student!r}\n"
        )
    return folders


@pytest.fixture(scope="module")
def open_window() -> Iterator[Callable[[], Window]]:
    with browser.chromium() as open_window:
        yield open_window


@pytest.fixture(scope="module")
def windows(
    course: Path, desks: dict[str, Path], open_window: Callable[[], Window]
) -> Iterator[dict[str, Window]]:
    """JupyterLab of the instructor and of Ada, side by side."""
    with ExitStack() as stack:
        opened = {}
        for user, folder in (("instructor", course), ("ada", desks["ada"])):
            home = course.parent / user / "home"
            server = browser.server(browser.jupyter_lab(), folder, home)
            address = stack.enter_context(server)
            opened[user] = open_window()
            opened[user].page.goto(address)
            expect(opened[user].page.locator(".jp-Launcher")).to_be_visible()
        yield opened


@pytest.fixture(scope="module")
def instructor(windows: dict[str, Window]) -> Window:
    return windows["instructor"]


@pytest.fixture(scope="module")
def ada(windows: dict[str, Window]) -> Window:
    return windows["ada"]


@pytest.fixture
def formgrader(instructor: Window) -> FrameLocator:
    """Formgrader in JupyterLab, at its list of assignments."""
    if instructor.page.locator("iframe").count() == 0:
        browser.choose(instructor.page, "Nbgrader", "Formgrader")
    return instructor.page.frame_locator("iframe")


def press(formgrader: FrameLocator, button: Locator) -> str:
    """Press a button of Formgrader's tables, and return the title and text of what it reports."""
    button.click()
    report = formgrader.locator(".modal.in")
    text = report.inner_text()
    report.get_by_role("button", name="OK").click()
    expect(formgrader.locator(".modal")).to_have_count(0)
    return text


def test_the_create_assignment_panel_shows_kinds_ids_and_points(course, instructor):
    path = course / "source" / "Initialization" / "Initialization.ipynb"
    page = instructor.page
    page.goto(page.url.split("/lab")[0] + "/lab/tree/source/Initialization/Initialization.ipynb")
    notebook = Notebook(page, path)
    notebook.wait_until_usable()
    page.locator(".jp-SideBar").get_by_text("Create Assignment").click()
    panel = page.locator(".nbgrader-CreateAssignmentWidget")
    expect(panel.locator(".nbgrader-CellWidget")).to_have_count(len(notebook.cell_ids))
    total = page.locator(".nbgrader-TotalPointsInput")
    expect(total).to_have_value("30")
    cells = nbformat.read(path, as_version=4).cells
    settings = [cell.metadata.get("nbgrader", {}) for cell in cells]
    assert values_of(panel, "select") == [kind_of(cell) for cell in settings]
    assert values_of(panel, ".nbgrader-CellId input") == [
        cell.get("grade_id", "") for cell in settings
    ]
    assert values_of(panel, ".nbgrader-CellPoints input") == [
        str(cell.get("points", 0)) for cell in settings
    ]
    assert instructor.complaints == []


def values_of(panel: Locator, field: str) -> list[str]:
    return panel.locator(field).evaluate_all("fields => fields.map(field => field.value)")


def kind_of(settings: dict) -> str:
    if settings.get("solution"):
        return "solution"
    if settings.get("grade"):
        return "tests"
    return "readonly" if settings.get("locked") else ""


def test_formgrader_generates_previews_and_releases_the_assignment(course, formgrader, instructor):
    page = instructor.page
    row = formgrader.locator("#main-table tr", has_text="Initialization")
    expect(row.locator(".status")).to_have_text("draft")
    assert "Successfully created the student version" in press(formgrader, row.locator(".assign a"))
    row.locator(".preview a").click()
    files = page.locator(".jp-FileBrowser")
    expect(files.locator(".jp-BreadCrumbs")).to_contain_text("release")
    expect(files.locator(".jp-DirListing-item", has_text="Initialization.ipynb")).to_be_visible()
    given = browser.PROJECT / "Initialization.ipynb"
    assert courses.released(course).read_bytes() == given.read_bytes()
    assert "Successfully released" in press(formgrader, row.locator(".release a"))
    expect(row.locator(".status")).to_have_text("released")
    assert instructor.complaints == []


def test_students_fetch_the_assignment_and_hand_it_in(desks, ada):
    page = ada.page
    browser.choose(page, "Nbgrader", "Assignment List")
    page.locator("#released_assignments_list").get_by_role("button", name="Fetch").click()
    fetched = page.locator("#fetched_assignments_list")
    expect(fetched.get_by_role("button", name="Submit")).to_be_visible()
    solve(desks["ada"], courses.answers())
    fetched.get_by_role("button", name="Submit").click()
    expect(page.locator("#submitted_assignments_list .list_item")).not_to_have_count(0)
    assert ada.complaints == []

    for command in ("fetch_assignment", "submit"):
        result = courses.run(desks["bela"], "nbgrader", command, "Initialization")
        assert result.returncode == 0, result.stderr
        if command == "fetch_assignment":
            solve(desks["bela"], courses.answers(he=XAVIER))


def test_formgrader_collects_and_autogrades_in_the_sandbox(course, formgrader, instructor):
    row = formgrader.locator("#main-table tr", has_text="Initialization")
    assert "Successfully collected" in press(formgrader, row.locator(".collect a"))
    expect(row.locator(".num-submissions")).to_have_text("2")
    row.locator(".num-submissions a").click()
    for student, score in (("ada", "30"), ("bela", "20")):
        row = formgrader.locator("#main-table tr", has_text=student)
        expect(row.locator(".status")).to_have_text("needs autograding")
        assert "Successfully autograded" in press(formgrader, row.locator(".autograde a"))
        expect(row.locator(".status")).to_have_text("graded")
        expect(row.locator(".score")).to_have_text(f"{score} / 30")
    assert courses.scores(course) == {"ada": [10, 10, 10], "bela": [10, 10, 0]}
    assert instructor.complaints == []


def test_a_submission_shows_the_diagnosis_and_takes_a_comment(formgrader, instructor):
    formgrader.get_by_role("link", name="Manual Grading").click()
    # By address: a list of one row looks the same one level above, until the next page is there.
    for page in ("gradebook/Initialization", "gradebook/Initialization/Initialization"):
        formgrader.locator(f"#main-table a[href$='{page}']").click()
    formgrader.locator("#main-table tr", has_text="20 / 30").locator("a:visible").click()
    expect(formgrader.locator("#test-he")).to_have_attribute("placeholder", "0")
    answer = formgrader.locator(".nbgrader_cell", has=formgrader.locator("#initialize-he-comment"))
    comment = answer.locator("textarea")
    expect(comment).to_have_attribute("placeholder", re.compile("Xavier.*Hint: ", re.DOTALL))
    comment.fill(REMARK)
    formgrader.locator("#test-he").click()
    expect(answer.locator(".comment-saved")).to_be_visible()
    # This page of nbgrader takes MathJax from the network; without it only formulas suffer.
    formulas = re.compile("mathjax|ERR_FAILED", re.IGNORECASE)
    assert [said for said in instructor.complaints if not formulas.search(said)] == []
    instructor.complaints.clear()


def test_feedback_is_generated_released_and_fetched(formgrader, instructor, ada):
    formgrader.get_by_role("link", name="Manual Grading").click()
    formgrader.get_by_role("link", name="Manage Assignments").click()
    row = formgrader.locator("#main-table tr", has_text="Initialization")
    for step in ("generate", "release"):
        report = press(formgrader, row.locator(f".{step}-feedback a"))
        assert f"Successfully {step}d feedback" in report
    assert instructor.complaints == []

    submitted = ada.page.locator("#submitted_assignments_list")
    submitted.get_by_role("button", name="Fetch Feedback").click()
    submitted.get_by_text("(view feedback)").click()
    files = ada.page.locator(".jp-FileBrowser")
    expect(files.locator(".jp-BreadCrumbs")).to_contain_text("feedback")
    expect(files.locator(".jp-DirListing-item")).to_have_text([re.compile("Initialization.html")])
    assert ada.complaints == []


def test_a_watcher_answers_a_student_who_submits_again(course, desks, ada):
    """Nobody touches anything between *Submit* and *Fetch Feedback*."""
    solve(desks["ada"], courses.answers(he=XAVIER))
    fetched = ada.page.locator("#fetched_assignments_list")
    submitted = ada.page.locator("#submitted_assignments_list")
    with courses.watching(course) as (_, told):
        fetched.get_by_role("button", name="Submit").click()
        news = next(told)
        assert (news["student"], news["kind"], news["attempt"]) == ("ada", "graded", 1)
        submitted.get_by_role("button", name="Fetch Feedback").click()
        expect(submitted.get_by_text("(view feedback)")).to_have_count(2)
    newest = max(desks["ada"].glob("Initialization/feedback/*/Initialization.html"))
    lab = ada.page.url
    ada.page.goto(newest.as_uri())
    text = ada.page.locator("body").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "20 of 30 points" in text and "Attempt 1, submitted" in text
    ada.page.goto(lab)
    assert ada.complaints == []


def test_the_feedback_page_says_what_was_wrong_and_the_remark(desks, ada):
    result = courses.run(desks["bela"], "nbgrader", "fetch_feedback", "Initialization")
    assert result.returncode == 0, result.stderr
    (feedback,) = desks["bela"].glob("Initialization/feedback/*/Initialization.html")
    ada.page.goto(feedback.as_uri())
    text = ada.page.locator("body").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    for words in ("20 of 30 points", "Xavier", "Hint: ", REMARK):
        assert words in text
    assert ada.complaints == []


def test_formgrader_grades_nothing_where_the_configuration_cannot_be_loaded(
    course, open_window, tmp_path
):
    """As in an environment in which the package is installed, see `nbgrader_config.json`."""
    config = course / "nbgrader_config.py"
    config.write_text("None.x\n" + config.read_text())
    trace = tmp_path / "trace"
    path = courses.submission_path(course, "ada")
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = f"open({str(trace)!r}, 'w').close()\n" * (cell.cell_type == "code")
    nbformat.write(notebook, path)
    shutil.rmtree(course / "autograded")
    (tmp_path / "config").mkdir()
    plugin = browser.PROJECT / "autograder" / "nbgrader_plugin"
    shutil.copy(plugin / "nbgrader_config.json", tmp_path / "config")
    installed = {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "PYTHONPATH": str(browser.PROJECT),
    }
    server = browser.server(browser.jupyter_lab(), course, tmp_path / "home", **installed)
    with server as address:
        page = open_window().page
        page.goto(address)
        browser.choose(page, "Nbgrader", "Formgrader")
        formgrader = page.frame_locator("iframe")
        formgrader.locator("#main-table tr", has_text="Initialization").locator(
            ".num-submissions a"
        ).click()
        row = formgrader.locator("#main-table tr", has_text="ada")
        assert "cannot be loaded: AttributeError" in press(formgrader, row.locator(".autograde a"))
    assert not trace.exists() and not (course / "autograded").exists()


def solve(desk: Path, answers: str) -> None:
    notebook = desk / "Initialization" / "Initialization.ipynb"
    nbformat.write(courses.fill_in(notebook, answers), notebook)
