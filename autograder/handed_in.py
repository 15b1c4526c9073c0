"""Read what students handed in, without following links or trusting names."""

from __future__ import annotations

import os
import stat
from datetime import datetime
from pathlib import Path

from nbgrader.utils import parse_utc

from autograder.intake import Unreadable

LARGEST_SUBMISSION = 64_000_000  # bytes; saved outputs can make an honest notebook large
TIMESTAMP = "timestamp.txt"
SECRET = "submission_secret.txt"


def read_notebook(path: Path) -> bytes:
    """Content of a submitted notebook.

    Raises
    ------
    Unreadable
        If it is missing, a link, not a regular file, or too large.
    """
    return _read_regular_file(path, LARGEST_SUBMISSION)


def read_timestamp(directory: Path) -> datetime | None:
    """Time of submission (UTC, without time zone) that nbgrader's collect wrote, if any."""
    try:
        return parse_utc(_read_regular_file(directory / TIMESTAMP, 100).decode().strip() or None)
    except (Unreadable, ValueError, OverflowError):
        return None


def read_secret(directory: Path) -> bytes | None:
    """What nbgrader's submit made up, so that only this student can fetch the feedback."""
    try:
        return _read_regular_file(directory / SECRET, 1000)
    except Unreadable:
        return None


def make_harmless(assignment: str, student: str, notebooks: list[str]) -> None:
    """Replace links, pipes and a broken time stamp by notes, before nbgrader copies the files.

    nbgrader copies every file beside a submitted notebook, and follows links when it does so.
    It calls this function before (``pre_convert_hook``), and passes the paths of the notebooks.
    """
    for directory in {Path(notebook).parent for notebook in notebooks}:
        for folder in (directory.parent, directory):
            if folder.is_symlink():
                target = os.readlink(folder)
                folder.unlink()
                directory.mkdir(parents=True)
                (directory / "link.txt").write_text(f"This folder was a link to {target}.\n")
        for parent, folders, files in os.walk(directory):
            for name in folders + files:
                _replace_by_note(Path(parent, name))
        timestamp = directory / TIMESTAMP
        if timestamp.exists() and read_timestamp(directory) is None:
            timestamp.rename(directory / "timestamp-not-understood.txt")


def _replace_by_note(path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return
    kind = f"a link to {os.readlink(path)}" if stat.S_ISLNK(mode) else "not a regular file"
    path.unlink()
    path.with_name(path.name + ".note.txt").write_text(f"{path.name} was {kind}. It was removed.\n")


def _read_regular_file(path: Path, largest: int) -> bytes:
    if path.parent.is_symlink() or path.parent.parent.is_symlink():
        raise Unreadable("the folder of the submission is a link, and links are not followed.")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Unreadable(f"there is no file {path.name}.") from None
    except OSError as error:
        reason = "it is a link, and links are not followed" if path.is_symlink() else error.strerror
        raise Unreadable(f"{path.name} cannot be opened: {reason}.") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{path.name} is not a regular file.")
        if status.st_size > largest:
            raise Unreadable(f"{path.name} has {status.st_size:,} bytes, more than {largest:,}.")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(largest)
    finally:
        os.close(descriptor)
