"""The student's whole way in JupyterLab: ``make lab``, three answers, checks, validation.

The tests share one window and follow each other as the student's steps do. The window has no
network, and a request to another machine counts as a failure.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from lesson.rules import check_notebook
from tests.support import browser, courses
from tests.support.browser import Notebook, Window, expect
from tests.support.mistakes import RIGHT_WEIGHTS

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING)

ANSWERS = {
    exercise: f"""\
parameters["W" + str(l)] = {weights}
parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))"""
    for exercise, weights in RIGHT_WEIGHTS.items()
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, as a student has it after cloning and ``make setup``."""
    return courses.copy_of_project(tmp_path_factory.mktemp("student") / "project")


@pytest.fixture(scope="module")
def open_window() -> Iterator[Callable[[], Window]]:
    with browser.chromium() as opener:
        yield opener


@pytest.fixture(scope="module")
def lab(project: Path, open_window: Callable[[], Window]) -> Iterator[Window]:
    """The window that ``make lab`` opens."""
    with browser.server([*courses.MAKE, "lab"], project, project.parent / "home") as address:
        window = open_window()
        window.page.goto(address)
        yield window


@pytest.fixture(scope="module")
def notebook(lab: Window, project: Path) -> Notebook:
    opened = Notebook(lab.page, project / "Initialization.ipynb")
    opened.wait_until_usable()
    return opened


def test_make_lab_opens_the_notebook_with_nothing_red_in_the_console(notebook, lab):
    expect(notebook.cell("opening").locator("h1")).to_have_text(re.compile("Initialization"))
    assert lab.complaints == []


def test_each_link_in_the_contents_leads_to_its_heading(notebook):
    links = notebook.cell("opening").locator("li a")
    assert links.count() == 12
    for number in range(links.count()):
        notebook.cell("opening").scroll_into_view_if_needed()
        name = links.nth(number).inner_text()
        links.nth(number).click()
        heading = notebook.cells.locator("h2, h3").filter(has_text=re.compile(f"^{name}"))
        expect(heading).to_be_in_viewport()


def test_formulas_and_tables_are_rendered(notebook):
    texts = notebook.panel.locator(".jp-RenderedMarkdown")
    for number in range(texts.count()):
        texts.nth(number).scroll_into_view_if_needed()
        expect(texts.nth(number)).not_to_contain_text("$")
    assert notebook.page.locator("mjx-container").count() > 50
    assert notebook.page.locator("mjx-merror, .MathJax_Error").count() == 0
    assert notebook.page.locator(".jp-RenderedMarkdown table").count() == 2
    assert notebook.page.locator(".jp-RenderedMarkdown summary").count() == 19


def test_with_empty_stubs_run_all_ends_at_the_first_exercise(notebook, lab):
    notebook.run_all()
    expect(notebook.outputs("test-zeros")).to_contain_text("Hint: ")
    expect(notebook.outputs("test-zeros").get_by_text("Not right yet").first).to_be_in_viewport()
    expect(notebook.outputs("test-zeros")).not_to_contain_text("Traceback")
    expect(notebook.outputs("zeros-parameters")).to_have_text("")
    expect(notebook.outputs("zeros-train")).to_have_text("")
    assert lab.complaints == []


@pytest.mark.parametrize("cell_id", ["packages", "model", "test-he", "submit-check"])
def test_given_cells_cannot_be_edited_or_deleted(notebook, cell_id):
    notebook.cell(cell_id).locator(".cm-content").click()
    notebook.page.keyboard.type("changed")
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.type("dd")
    expect(notebook.cells).to_have_count(len(notebook.cell_ids))
    expect(notebook.cell(cell_id)).not_to_contain_text("changed")


def test_an_answer_can_be_edited_but_not_deleted(notebook):
    notebook.replace_line("initialize-zeros", "pass  # replace", "changed")
    expect(notebook.cell("initialize-zeros")).to_contain_text("changed")
    notebook.replace_line("initialize-zeros", "changed", "pass  # replace this line")
    notebook.page.keyboard.type("dd")
    expect(notebook.cells).to_have_count(len(notebook.cell_ids))


def test_with_three_answers_run_all_shows_all_figures(notebook, lab):
    for exercise, answer in ANSWERS.items():
        notebook.replace_line(f"initialize-{exercise}", "pass  # replace", answer)
    notebook.save()
    notebook.run_all()
    for exercise in ANSWERS:
        expect(notebook.outputs(f"test-{exercise}")).to_contain_text("All tests passed.")
        expect(notebook.outputs(f"{exercise}-train").locator("img")).to_have_count(1)
        expect(notebook.outputs(f"{exercise}-boundary").locator("img")).to_have_count(1)
    for cell_id in ("dataset", "volume-check", "volume-knob", "film"):
        expect(notebook.outputs(cell_id).locator("img")).to_have_count(1)
    expect(notebook.outputs("conclusions-costs").locator("img")).to_have_count(2)
    for cell_id in ("depth", "scale"):
        expect(notebook.outputs(f"going-further-{cell_id}").locator("img")).to_have_count(1)
    expect(
        notebook.outputs("going-further-play").get_by_role("button", name="Train")
    ).to_be_visible()
    expect(notebook.outputs("submit-check")).to_contain_text("Ready to submit")
    assert notebook.errors().count() == 0
    assert lab.complaints == []


def test_the_film_runs_by_keyboard_and_by_mouse(notebook, lab):
    film = notebook.outputs("film")
    film.scroll_into_view_if_needed()
    sentence = film.locator("p")
    expect(sentence).to_contain_text("Iteration 0.")
    film.get_by_role("slider", name="iteration").focus()
    notebook.page.keyboard.press("ArrowRight")
    expect(sentence).to_contain_text("Iteration 100.")
    notebook.page.keyboard.press("End")
    expect(sentence).to_contain_text("He: cost 0.065, 10 lines")
    notebook.page.keyboard.press("Home")
    expect(sentence).to_contain_text("Iteration 0.")
    film.get_by_role("button", name="Play").click()
    expect(sentence).not_to_contain_text("Iteration 0.")
    film.get_by_role("slider", name="iteration").focus()
    notebook.page.keyboard.press("Home")
    expect(sentence).to_contain_text("Iteration 0.")
    assert lab.complaints == []


def test_a_guess_is_answered_below_the_training_with_the_keyboard_alone(notebook, lab):
    reply = notebook.outputs("he-train").locator("[aria-live]")
    expect(reply).to_contain_text("No option of the question above is chosen")
    notebook.outputs("he-parameters").locator("input").first.focus()
    notebook.page.keyboard.press("ArrowDown")
    expect(reply).to_contain_text("Your guess: He: its weights are smaller. Right:")
    expect(reply).not_to_contain_text("No option", use_inner_text=True)
    assert lab.complaints == []


def test_the_laboratory_trains_and_stops(notebook, lab):
    bench = notebook.outputs("going-further-play")
    bench.scroll_into_view_if_needed()
    sentence = bench.locator(".widget-html-content").filter(has_text="Iteration")
    expect(sentence).to_contain_text("Iteration 0:")
    bench.get_by_role("button", name="Train").click()
    expect(sentence).to_contain_text("Iteration 15000: cost 0.065")
    bench.get_by_role("button", name="tanh").focus()
    notebook.page.keyboard.press("Space")
    bench.get_by_role("button", name="8 × 10").click()
    expect(sentence).to_contain_text("Iteration 0:")
    bench.get_by_role("button", name="Train").click()
    bench.get_by_role("button", name="Stop").click()
    expect(bench.get_by_role("button", name="Train")).to_be_enabled()
    expect(sentence).not_to_contain_text("Iteration 15000")
    assert lab.complaints == []


def test_the_saved_notebook_is_the_one_handed_out_but_for_the_answers(notebook, project):
    notebook.save()
    saved = nbformat.read(project / "Initialization.ipynb", as_version=4)
    given = nbformat.read(browser.PROJECT / "Initialization.ipynb", as_version=4)
    assert [cell.id for cell in saved.cells] == [cell.id for cell in given.cells]
    for ours, theirs in zip(given.cells, saved.cells, strict=True):
        theirs.metadata.pop("trusted", None)
        assert theirs.metadata == ours.metadata
        assert theirs.source == ours.source or ours.id.startswith("initialize-")
    assert check_notebook(project / "Initialization.ipynb") == []


def test_loaded_again_the_laboratory_still_says_what_it_shows(notebook):
    notebook.page.reload()
    notebook.wait_until_usable()
    bench = notebook.outputs("going-further-play")
    bench.scroll_into_view_if_needed()
    expect(bench.locator("button[aria-pressed=true]")).to_have_count(6)
    expect(bench.locator(".widget-image")).to_have_attribute("alt", re.compile("as a picture"))


def test_validate_says_that_all_tests_pass(notebook, lab):
    assert "Success! Your notebook passes all the tests." in notebook.validate()
    assert lab.complaints == []


def test_validate_shows_what_is_wrong_with_a_broken_answer(notebook, lab):
    xavier = ANSWERS["he"].splitlines()[0].replace("2", "1")
    notebook.replace_line("initialize-he", "np.sqrt(2", xavier)
    notebook.save()
    result = notebook.validate()
    assert "The following cell failed:" in result
    assert "initialize_parameters_he_test" in result and "[scale-xavier]" in result
    assert lab.complaints == []


def test_no_question_about_news_or_updates_has_come_up(notebook):
    expect(notebook.page.locator(".jp-Notification-Status")).to_have_text("0")
    assert notebook.page.locator(".jp-toastContainer .Toastify__toast").count() == 0


def test_a_window_notes_errors_and_requests_to_other_machines(open_window, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<script>console.error('red'); fetch('https://example.org/').catch(() => {});"
        "setTimeout(() => { document.title = 'done'; undefined.x }, 0)</script>"
    )
    window = open_window()
    window.page.goto(page.as_uri())
    expect(window.page).to_have_title("done")
    noted = "\n".join(window.complaints)
    assert "red" in noted
    assert "asked another machine for https://example.org/" in noted
    assert "Cannot read properties of undefined" in noted


def test_a_server_that_does_not_start_is_reported_with_its_words(tmp_path):
    with (
        pytest.raises(RuntimeError, match="no such port"),
        browser.server(["sh", "-c", "echo no such port; exit 3"], tmp_path, tmp_path / "home"),
    ):
        pass
