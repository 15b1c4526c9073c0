"""Take the screenshots of docs/images/ anew: ``make screenshots``.

They show the real thing: JupyterLab with a solved notebook, and a course of three students, graded
in the sandbox, in Formgrader and as a feedback page.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image
from playwright.sync_api import Locator, Page

from examples.submissions import example_answers, fill_in
from tests.support import browser, courses
from tests.support.browser import Notebook, Window, expect

IMAGES = browser.PROJECT / "docs" / "images"
LARGEST = 150_000  # bytes
STUDENTS = {"ada": "Okafor", "emil": "Lind", "hana": "Sato"}


def main() -> int:
    """Make all pictures; the exit code is 1 if one is too large."""
    if browser.CHROMIUM is None:
        sys.exit(browser.MISSING)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser.chromium() as open_window:
        show_notebook(Path(folder, "student"), open_window())
        show_grading(Path(folder, "instructor"), open_window())
    too_large = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > LARGEST]
    if too_large:
        print(f"Larger than {LARGEST:,} bytes: {', '.join(too_large)}", file=sys.stderr)
    return bool(too_large)


def show_notebook(folder: Path, window: Window) -> None:
    """Take the pictures of a solved notebook, in the light and in the dark theme."""
    project = courses.copy_of_project(folder / "project")
    path = project / "Initialization.ipynb"
    nbformat.write(fill_in(path, example_answers()["ada"]), path)
    with browser.server([*courses.MAKE, "lab"], project, folder / "home") as address:
        window.page.goto(address)
        notebook = Notebook(window.page, path)
        notebook.wait_until_usable()
        fold_away_files(window.page)
        notebook.run_all()
        scroll_to(notebook.cell("signal-intro"))
        take(window.page, "notebook")
        notebook.set_theme("JupyterLab Dark")
        scroll_to(notebook.cell("volume-knob"))
        take(window.page, "notebook-dark")


def show_grading(folder: Path, window: Window) -> None:
    """Take the pictures of a graded course."""
    course = courses.generate(folder / "course")
    for student, last_name in STUDENTS.items():
        courses.hand_in(course, student, example_answers()[student])
        names = (f"--first-name={student.title()}", f"--last-name={last_name}")
        courses.run(course, "nbgrader", "db", "student", "add", student, *names)
    for command in ("autograde", "generate_feedback"):
        result = courses.run(course, "nbgrader", command, "Initialization")
        if result.returncode:
            sys.exit(result.stderr)
    page = window.page
    with browser.server(browser.jupyter_lab(), course, folder / "home") as address:
        page.goto(address)
        expect(page.locator(".jp-Launcher")).to_be_visible()
        fold_away_files(page)
        browser.choose(page, "Nbgrader", "Formgrader")
        formgrader = page.frame_locator("iframe")
        formgrader.locator(".num-submissions a").click()
        expect(formgrader.locator("#main-table .score")).to_have_count(len(STUDENTS))
        take(page, "formgrader")
    page.goto((course / "feedback/hana/Initialization/Initialization.html").as_uri())
    take(page, "feedback")


def fold_away_files(page: Page) -> None:
    """Hide the list of files."""
    page.locator(".jp-SideBar.jp-mod-left .lm-TabBar-tab.lm-mod-current").click()


def scroll_to(cell: Locator) -> None:
    """Bring a cell to the top; the cells above it get their heights only when they are seen."""
    cell.evaluate(
        """cell => new Promise(done => {
            let before = null, calm = 0;
            const scroll = () => {
                cell.scrollIntoView();
                const top = cell.getBoundingClientRect().top;
                calm = top === before ? calm + 1 : 0;
                before = top;
                calm < 30 ? requestAnimationFrame(scroll) : done();
            };
            scroll();
        })"""
    )


def take(subject: Page | Locator, name: str) -> None:
    """Save a picture with at most 256 colors: plain areas stay plain, and the file small."""
    path = IMAGES / f"{name}.png"
    subject.screenshot(path=path)
    with Image.open(path) as image:
        image.convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path.relative_to(browser.PROJECT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
