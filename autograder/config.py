"""What a course's nbgrader_config.py calls, so that nbgrader grades in the sandbox or not at all::

    try:
        from autograder.config import configure
    except ImportError as error:
        raise SystemExit(f"nbgrader_config.py: {error}. Nothing was done.") from error
    configure(get_config())

nbgrader logs most errors in that file, drops what it says, and goes on: with its own engine, and
student code would run unprotected. So no error here may be an ordinary exception.
"""

import asyncio
import os
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from traitlets import Dict, Enum, Float, Integer, List, TraitError, Unicode
from traitlets.config import Config, Configurable
from traitlets.utils.importstring import import_item

from autograder.assignment import refuse_unmade_links
from autograder.language import LANGUAGES
from autograder.limits import FIRST_PASS, MEGABYTE, Limits
from autograder.submission.files import read_timestamp


class Grading(Configurable):
    """What an instructor can set about grading, as ``c.Grading.NAME`` or through `configure`."""

    rules = Dict(
        value_trait=Unicode(),
        key_trait=Unicode(),
        help="""Which module checks an assignment's rules for submissions, by assignment. The module
        is one of the assignment's own public files, and has two names: RULES, the sentence of each
        rule by its code, and check_cells(notebook), which returns objects with the attributes rule,
        cell, line and message. An assignment without a module has no rules.""",
    ).tag(config=True)
    points_per_violation = Float(
        0,
        min=0,
        help="Points taken off an exercise, at most all, for each place where it breaks a rule.",
    ).tag(config=True)
    network = List(
        Unicode(),
        help="""Assignments whose notebooks may use the network of this machine. All their tests run
        inside the sandbox; and student code can send what it reads to anybody.""",
    ).tag(config=True)
    language = Enum(
        LANGUAGES,
        default_value="en",
        help="Language of the pages for students; what is not translated stays English.",
    ).tag(config=True)
    cell_seconds = Float(
        None,
        min=1,
        allow_none=True,
        help="Time for one cell; if it is not set, that of Execute.timeout, or 60 seconds.",
    ).tag(config=True)
    call_seconds = Float(
        10, min=0.1, help="Time for one call of a student's function by a test."
    ).tag(config=True)
    total_seconds = Float(
        Limits.total_seconds,
        min=10,
        help="""Time for all cells and tests of a notebook together; more where one cell may take
        longer. Five eighths of it are for the first pass, see docs/design.md.""",
    ).tag(config=True)
    memory_megabytes = Integer(
        1000, min=200, help="Memory of all processes of a sandbox together, files included."
    ).tag(config=True)
    processes = Integer(32, min=4, help="Processes and threads at a time.").tag(config=True)
    attempts_per_hour = Integer(
        5,
        min=1,
        allow_none=True,
        help="""With `watch`: how many submissions of a student to one assignment are graded within
        an hour; None for any number. The next one is kept, and graded when its time has come.""",
    ).tag(config=True)

    @classmethod
    def of(cls, config: Config) -> "Grading":
        """The settings of a configuration; raises `ValueError` with a sentence about a mistake."""
        known = cls.class_trait_names(config=True)
        for name in set(config.get("Grading", {})) - set(known):
            there_are = ", ".join(sorted(known))
            raise ValueError(f"there is no setting c.Grading.{name}; there are {there_are}")
        if near := get_close_matches("Grading", set(config) - {"Grading"}, cutoff=0.8):
            raise ValueError(f"c.{near[0]} sets nothing; c.Grading is meant, perhaps")
        try:
            grading = cls(config=config)
            grading.limits()
        except TraitError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return grading

    def limits(self) -> Limits:
        """The limits of one sandbox."""
        is_set = "timeout" in self.config.get("Execute", {})
        timeout = (is_set and Execute(config=self.config).timeout) or 0
        # nbgrader calls "no limit" None or -1; here there is always one.
        cell_seconds = self.cell_seconds or (timeout if timeout > 0 else 60)
        return Limits(
            cell_seconds=cell_seconds,
            call_seconds=min(self.call_seconds, cell_seconds),
            total_seconds=max(self.total_seconds, cell_seconds / FIRST_PASS),
            memory_bytes=self.memory_megabytes * MEGABYTE,
            processes=self.processes,
        )

    def executes(self) -> bool:
        """Whether notebooks are to be executed: not with ``nbgrader autograde --no-execute``."""
        return Execute(config=self.config).enabled


def configure(c: Config, **settings: object) -> None:
    """Let nbgrader grade in the sandbox and write our feedback pages.

    What the configuration says before, of files to ignore and of hooks, stays in force.

    Parameters
    ----------
    c : Config
        What ``get_config()`` gives in nbgrader_config.py.
    settings
        Of `Grading`, such as ``rules``.

    Raises
    ------
    SystemExit
        If that is not possible, with a sentence that says why. In a Jupyter server, which has more
        to do, this is a `ValueError`, and only grading is refused.
    """
    Autograde.convert_notebooks = _refuse  # until our exporter takes its place
    try:
        c.Grading.update(settings)
        Grading.of(c)
        _configure(c)
    except Exception as error:
        text = f"nbgrader_config.py: {error}. Nothing is graded before this is mended."
        raise (ValueError if _is_in_server() else SystemExit)(text) from error


def _refuse(converter: Autograde) -> None:
    sys.exit(
        "Nothing was graded, because student code would run unprotected: nbgrader could not read "
        "nbgrader_config.py to its end (the reason stands above), or it names another "
        "Autograde.exporter_class."
    )


def _is_in_server() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _configure(c: Config) -> None:
    c.Autograde.exporter_class = "autograder.nbgrader_plugin.autograde.SubmissionExporter"
    hook = c.GenerateAssignment.get("pre_convert_hook") or c.BaseConverter.get("pre_convert_hook")
    c.GenerateAssignment.pre_convert_hook = partial(_before_release, hook)
    # nbgrader's own page needs the network and runs scripts.
    c.GenerateFeedback.exporter_class = "autograder.nbgrader_plugin.feedback.FeedbackExporter"
    c.GenerateFeedback.preprocessors = ["autograder.nbgrader_plugin.feedback.ReadGradebook"]
    logging = c.Application.get("logging_config", {})
    filters = {**logging.get("filters", {}), "printable": {"()": "autograder.text.Printable"}}
    handlers = dict(logging.get("handlers", {}))
    console = dict(handlers.get("console", {}))
    handlers["console"] = {**console, "filters": [*console.get("filters", ()), "printable"]}
    c.Application.logging_config = {**logging, "filters": filters, "handlers": handlers}
    # Formgrader's list of submissions reads their time stamps.
    CourseDirectory.get_existing_timestamp = lambda self, folder: read_timestamp(Path(folder))
    # A web page that stands beside a submission must not be taken for feedback and handed out.
    c.CourseDirectory.ignore.extend(["*.html", "*.htm"])

    # nbgrader starts other tools (alembic) by name, also where no virtual environment is active.
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([programs, os.environ["PATH"]])
    # nbgrader makes SQLAlchemy say this for each new submission. It is harmless: the rows are added
    # by the statement that follows. Releases of SQLAlchemy without it do not run on Python 3.13.
    warnings.filterwarnings("ignore", message="Object of type <.*> not in session")


def _before_release(hook: str | Callable[..., None] | None, **about: object) -> None:
    """What comes before an assignment is generated: the instructor's own hook, and then ours."""
    if hook:
        (import_item(hook) if isinstance(hook, str) else hook)(**about)
    refuse_unmade_links(**about)
