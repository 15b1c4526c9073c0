"""The site of ``make site OFFLINE=1`` in a browser without a network; ``make test-site`` runs this.

The tests share one window and follow each other as a learner's steps do.
"""

import os
import re
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from autograder.facts import Facts
from tests.browser.test_student import ANSWERS
from tests.support import browser, courses
from tests.support.browser import Notebook, Window, choose, expect

SITE = os.environ.get("SITE")
pytestmark = [
    pytest.mark.skipif(SITE is None, reason="To run these tests: make test-site"),
    pytest.mark.skipif(browser.CHROMIUM is None, reason=browser.MISSING),
]
NOTEBOOK = "Initialization.ipynb"


class Handler(SimpleHTTPRequestHandler):
    """Serves the site under a path of its own, as GitHub Pages does, and counts bytes."""

    sent: ClassVar[dict[str, int]] = {}

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/course"))

    def copyfile(self, source, outputfile):
        self.sent[self.path] = os.fstat(source.fileno()).st_size
        super().copyfile(source, outputfile)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=SITE))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/course/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def window() -> Iterator[Window]:
    with browser.chromium() as opener:
        yield opener()


@pytest.fixture(scope="module")
def notebook(window: Window, address: str) -> Notebook:
    window.opened = time.monotonic()
    window.page.goto(address)
    window.page.get_by_role("link", name="Open the notebook").click()
    opened = Notebook(window.page, browser.PROJECT / NOTEBOOK)
    opened.wait_until_usable()
    return opened


def test_the_site_holds_what_is_released_and_nothing_of_the_instructor():
    files = Path(SITE, "files")
    release = browser.PROJECT / "release" / "Initialization"
    names = {
        path.relative_to(release) for path in release.rglob("*.*") if "pycache" not in str(path)
    }
    assert {path.relative_to(files) for path in files.rglob("*.*")} == names
    for name in names:
        assert (files / name).read_bytes() == (release / name).read_bytes()
    extensions = {path.name for path in Path(SITE, "extensions").glob("*")}
    assert extensions == {"@jupyter-widgets", "@jupyterlite", "jupyterlab_pygments"}


def test_the_first_page_leads_to_the_notebook(notebook, window):
    expect(notebook.cell("opening").locator("h1")).to_have_text(re.compile("Initialization"))


def test_with_empty_stubs_run_all_stops_at_the_first_exercise(notebook, window):
    notebook.run_all()
    expect(notebook.outputs("test-zeros")).to_contain_text("Hint: ")
    expect(notebook.outputs("test-zeros")).not_to_contain_text("Traceback")
    expect(notebook.outputs("zeros-train")).to_have_text("")


def test_the_first_exercise_is_passed(notebook, window):
    notebook.replace_line("initialize-zeros", "pass  # replace", ANSWERS["zeros"])
    notebook.cell("initialize-zeros").locator(".cm-content").click()
    notebook.page.keyboard.press("Shift+Enter")
    notebook.cell("test-zeros").locator(".cm-content").click()
    notebook.page.keyboard.press("Shift+Enter")
    expect(notebook.outputs("test-zeros")).to_contain_text("All tests passed.")
    seconds = time.monotonic() - window.opened
    megabytes = sum(Handler.sent.values()) / 1e6
    print(f"first test passed {seconds:.0f} s after the page was opened; {megabytes:.0f} MB sent")


def test_a_cell_that_cannot_be_read_is_not_praised_for_its_past(notebook):
    notebook.cell("initialize-zeros").locator(".cm-line", has_text='"W"').click()
    notebook.page.keyboard.press("Home")
    notebook.page.keyboard.type("   ")
    notebook.page.keyboard.press("Shift+Enter")
    expect(notebook.outputs("initialize-zeros")).to_contain_text("IndentationError")
    notebook.cell("test-zeros").locator(".cm-content").click()
    notebook.page.keyboard.press("Shift+Enter")
    expect(notebook.outputs("test-zeros")).to_contain_text("cell-indentation")
    notebook.cell("initialize-zeros").locator(".cm-content").click()
    notebook.page.keyboard.press("Control+z")


def test_with_three_answers_run_all_passes_all_tests_and_shows_section_8(notebook, window):
    for exercise in ("random", "he"):
        notebook.replace_line(f"initialize-{exercise}", "pass  # replace", ANSWERS[exercise])
    choose(notebook.page, "File", "Save Notebook")
    started = time.monotonic()
    notebook.run_all()
    print(f"Run All took {time.monotonic() - started:.0f} s")
    for exercise in ANSWERS:
        expect(notebook.outputs(f"test-{exercise}")).to_contain_text("All tests passed.")
        expect(notebook.outputs(f"{exercise}-train").locator("img")).to_have_count(1)
    for cell_id in ("depth", "scale"):
        expect(notebook.outputs(f"going-further-{cell_id}").locator("img")).to_have_count(1)
    expect(
        notebook.outputs("going-further-play").get_by_role("button", name="Train")
    ).to_be_visible()
    expect(notebook.outputs("submit-check")).to_contain_text("Ready to submit")
    assert notebook.errors().count() == 0
    assert [text for text in window.complaints if "another machine" in text] == []


def test_the_film_and_the_laboratory_work(notebook, window):
    film = notebook.outputs("film")
    film.scroll_into_view_if_needed()
    film.get_by_role("slider", name="iteration").focus()
    notebook.page.keyboard.press("End")
    expect(film.locator("p")).to_contain_text("He: cost 0.065, 10 lines")
    bench = notebook.outputs("going-further-play")
    bench.scroll_into_view_if_needed()
    bench.get_by_role("button", name="Train").click()
    sentence = bench.locator(".widget-html-content").filter(has_text="Iteration")
    expect(sentence).to_contain_text("Iteration 15000: cost 0.0")


def test_a_page_that_is_loaded_again_comes_back_with_notebook_and_pictures(notebook, window):
    choose(notebook.page, "File", "Save Notebook")
    expect(notebook.page.locator(".jp-mod-current.jp-mod-dirty")).to_have_count(0)
    notebook.page.reload()
    notebook.wait_until_usable()
    film = notebook.outputs("film")
    film.get_by_role("slider", name="iteration").focus()
    notebook.page.keyboard.press("End")
    expect(film.locator("p")).to_contain_text("He: cost 0.065, 10 lines")
    bench = notebook.outputs("going-further-play")
    expect(bench.locator("img")).to_be_visible()
    expect(bench).to_contain_text("run the cell above it again")
    expect(bench.get_by_text("displaying widget")).to_be_hidden()


def test_the_downloaded_notebook_gets_all_points_and_no_repair(notebook, window, tmp_path):
    choose(notebook.page, "File", "Save Notebook")
    with notebook.page.expect_download() as download:
        file = notebook.page.locator(".jp-DirListing-item", has_text=NOTEBOOK)
        file.click(button="right")
        notebook.page.locator(".lm-Menu-itemLabel").get_by_text("Download", exact=True).click()
    content = Path(download.value.path()).read_bytes()
    course = courses.generate(tmp_path / "course")
    courses.hand_in_file(course, "ada", content)
    graded = courses.grade(course)
    assert graded.returncode == 0, graded.stderr
    assert courses.scores(course) == {"ada": [10, 10, 10]}
    executed = course / "autograded" / "ada" / courses.ASSIGNMENT / NOTEBOOK
    assert Facts.read(executed).repairs == []
