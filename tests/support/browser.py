"""JupyterLab in a real browser, for the browser tests and for ``make screenshots``.

People see cells, menus and buttons, so that is what these helpers use; nothing reaches into
JupyterLab's objects. Every wait is for something that happens, never for time to pass.
"""

import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Response,
    Route,
    expect,
    sync_playwright,
)

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = "To run these tests: sudo apt-get install chromium libatomic1"
try:
    ctypes.CDLL("libatomic.so.1")  # Playwright drives the browser with a program that needs it
except OSError:
    CHROMIUM = None
PATIENCE = 180_000  # milliseconds: far more than anything takes, even on a very busy machine
LOCAL = re.compile(r"(http://(localhost|127\.0\.0\.1):\d+/|file:|data:|blob:|about:)")

expect.set_options(timeout=PATIENCE)


def jupyter_lab() -> list[str]:
    """Command that starts JupyterLab and opens its page."""
    as_root = ["--allow-root"] if os.geteuid() == 0 else []
    return [sys.executable, "-m", "jupyter", "lab", "--ServerApp.port=0", *as_root]


@contextmanager
def server(command: list[str], folder: Path, home: Path, **environment: str) -> Iterator[str]:
    """Run a command that starts a Jupyter server, until the block ends; yields its first page.

    The command opens that page by itself, as ``make lab`` does. `home` is a new folder for all of
    Jupyter's own files. A server that opens no page, or leaves a kernel running, is an error.
    """
    home.mkdir(parents=True)
    pages = home / "pages"
    os.mkfifo(pages)
    opener = home / "open-page"
    opener.write_text(f'#!/bin/sh\necho "$1" > "{pages}"\n')
    opener.chmod(0o755)
    nowhere = "http://127.0.0.1:9"  # so that a server which asks for news or updates gets none
    environment = (
        os.environ
        | {
            "HOME": str(home),
            "BROWSER": f"{opener} %s",
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "IPYTHONDIR": str(home / "ipython"),
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
            "NO_PROXY": "localhost,127.0.0.1",
        }
        | environment
    )
    with open(home / "log", "w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield _first_page(process, pages)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=60)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # Servers and kernels keep a file here for as long as they run.
    if running := [path.name for path in home.glob("runtime/*-*.json")]:
        raise RuntimeError(f"Left running: {', '.join(running)}. See {home / 'log'}.")


def _first_page(process: subprocess.Popen, pages: Path) -> str:
    descriptor = os.open(pages, os.O_RDWR)  # writing, too, because select waits for a writer
    try:
        while not select.select([descriptor], [], [], 1)[0]:
            if process.poll() is not None:
                log = (pages.parent / "log").read_text()
                raise RuntimeError(f"The server stopped with code {process.returncode}:\n{log}")
        return os.read(descriptor, 10_000).decode().strip()
    finally:
        os.close(descriptor)


class Window:
    """A browser window without a network, and what goes wrong in it.

    `complaints` are errors in the console, uncaught exceptions, answers with an error code, and
    requests to other machines (which are refused).
    """

    def __init__(self, context: BrowserContext):
        self.complaints: list[str] = []
        context.set_default_timeout(PATIENCE)
        context.route(lambda url: not LOCAL.match(url), self._refuse)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("response", self._response)
        self.page = context.new_page()

    def _refuse(self, route: Route) -> None:
        self.complaints.append(f"asked another machine for {route.request.url}")
        route.abort()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} from {response.url}")


@contextmanager
def chromium() -> Iterator[Callable[..., Window]]:
    """Start Chromium; yields what opens a `Window`, with options of `Browser.new_context`."""
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )

        def open_window(**options: object) -> Window:
            looks = {"viewport": {"width": 1280, "height": 900}} | options
            return Window(program.new_context(**looks))

        yield open_window
        program.close()


def choose(page: Page, menu: str, *entries: str) -> None:
    """Choose from JupyterLab's menu bar: a menu, perhaps one within it, and an entry."""
    page.locator(".lm-MenuBar-itemLabel").get_by_text(menu, exact=True).click()
    for entry in entries:
        page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()


class Notebook:
    """A notebook that is open in JupyterLab; its file says which cell has which id."""

    def __init__(self, page: Page, path: Path):
        self.page = page
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.cells = self.panel.locator(".jp-Cell")
        self.cell_ids = [cell.id for cell in nbformat.read(path, as_version=4).cells]

    def wait_until_usable(self) -> None:
        """Wait until all cells are there and the kernel is idle."""
        expect(self.cells).to_have_count(len(self.cell_ids))
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)
        idle = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
        expect(self.panel.locator(idle)).to_be_visible()

    def cell(self, cell_id: str) -> Locator:
        """The cell with this id."""
        return self.cells.nth(self.cell_ids.index(cell_id))

    def outputs(self, cell_id: str) -> Locator:
        """The output area of a cell."""
        return self.cell(cell_id).locator(".jp-Cell-outputArea")

    def errors(self) -> Locator:
        """All outputs that are errors or stand on stderr."""
        return self.panel.locator(
            ".jp-OutputArea-output:is([data-mime-type*=error], [data-mime-type*=stderr])"
        )

    def replace_line(self, cell_id: str, old: str, new: str) -> None:
        """Replace the line of a cell that contains `old` by typing.

        The editor indents, as it does for people: `new` is not indented.
        """
        self.cell(cell_id).locator(".cm-line", has_text=old).click()
        self.page.keyboard.press("Home")
        self.page.keyboard.press("Shift+End")
        for number, line in enumerate(new.splitlines()):
            if number:
                self.page.keyboard.press("Enter")
            self.page.keyboard.type(line)
        self.page.keyboard.press("Escape")

    def run_all(self) -> None:
        """Run all cells and wait until none is running or waiting."""
        choose(self.page, "Edit", "Clear Outputs of All Cells")
        choose(self.page, "Run", "Run All Cells")
        prompts = self.panel.locator(".jp-InputArea-prompt")
        expect(prompts.filter(has_text=re.compile(r"\[[\d*]+\]")).first).to_be_attached()
        expect(prompts.filter(has_text="[*]")).to_have_count(0)

    def set_theme(self, name: str) -> None:
        """Choose a theme of JupyterLab, such as "JupyterLab Dark"."""
        choose(self.page, "Settings", "Theme", name)
        expect(self.page.locator(f"body[data-jp-theme-name='{name}']")).to_be_attached()

    def save(self) -> None:
        """Save, and wait until that is done."""
        with self.page.expect_response(
            lambda response: response.request.method == "PUT" and "/api/contents/" in response.url
        ):
            choose(self.page, "File", "Save Notebook")

    def validate(self) -> str:
        """Press nbgrader's Validate button; return what it says."""
        self.panel.locator(".jp-Toolbar").get_by_text("Validate").click()
        dialog = self.page.locator(".jp-Dialog")
        text = dialog.inner_text()
        dialog.get_by_role("button", name="Ok").click()
        expect(dialog).to_have_count(0)
        return text
