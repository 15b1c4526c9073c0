"""Read what students submitted, without following links or trusting names."""

import contextlib
import errno
import functools
import itertools
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from dateutil.tz import gettz
from nbgrader.utils import parse_utc

from autograder.assignment import Assignment
from autograder.submission.names import passes
from autograder.submission.notebook import MAX_FILE_BYTES, Unreadable
from autograder.text import in_line

STAGING = ".grading"
"""Folder for what has not been recorded completely, laid out like ``submitted/``."""
TIMESTAMP = "timestamp.txt"
SECRET = "submission_secret.txt"
# Pages and drawings are skipped: Formgrader would show them with all rights of its own.
_SUFFIXES = frozenset(".ipynb .py .pyc .txt .md .csv .tsv .json .npy .npz .png .jpg .jpeg".split())
_TIMESTAMP_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"( ?(Z|[A-Z]{3,5}|[+-][0-9]{2}:?[0-9]{2}|(?P<zone>[A-Z][A-Za-z]+(/[A-Z][A-Za-z_]+){1,2})))?"
)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_PLAIN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_MAX_DEPTH = 4  # folders within folders
_MAX_ATTACHMENTS, _MAX_ATTACHED_BYTES = 100, 8 * 2**20
_MAX_ENTRIES = 1_000  # of which the type is looked up, folders included


def read_attachments(directory: Path, assignment: Assignment) -> tuple[dict[str, bytes], list[str]]:
    """Read what a student submitted with the notebooks: files, and what was skipped.

    Only plain files of common kinds are read, as far as a part of a sandbox's space has room for
    them, and none in the place of the assignment's own. These, hidden files and other notebooks
    are not named as skipped.
    """
    files: dict[str, bytes] = {}
    skipped: list[str] = []
    room = _MAX_ATTACHED_BYTES
    entries = 0
    with contextlib.suppress(OSError, Unreadable), _open_folder(directory) as top:
        for path, folder in itertools.islice(_paths_in(top, ".", ""), _MAX_ENTRIES):
            entries += 1
            ours = path in assignment.files and path not in assignment.declared
            if ours or Path(path).suffix == ".ipynb" or path in (TIMESTAMP, SECRET):
                continue
            fits = len(files) < _MAX_ATTACHMENTS and assignment.has_room_for(path)
            if fits and folder is not None:
                with contextlib.suppress(Unreadable), _open_file(Path(path), room, folder) as file:
                    files[path] = file.read(room)
                    room -= len(files[path])
            if path not in files:
                skipped.append(in_line(path))
    skipped.sort()
    if entries == _MAX_ENTRIES:
        skipped.append(f"whatever comes after {_MAX_ENTRIES} files")
    if os.path.lexists(directory / TIMESTAMP) and timestamp_text(directory) is None:
        skipped.insert(0, TIMESTAMP)
    return files, skipped


def _paths_in(above: int, name: str, prefix: str) -> Iterator[tuple[str, int | None]]:
    """Each path in a folder, with the open folder if it is a file of a common name and kind."""
    try:
        folder = os.open(name, _FOLDER | _NOFOLLOW, dir_fd=above)
    except OSError:  # it may not be read, or has become something else
        yield prefix.rstrip("/"), None
        return
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = prefix + entry.name
                if entry.name.startswith("."):
                    continue
                if not passes(entry.name) or prefix.count("/") > _MAX_DEPTH:
                    yield path, None
                elif entry.is_dir(follow_symlinks=False):
                    yield from _paths_in(folder, entry.name, f"{path}/")
                else:
                    yield path, folder if Path(path).suffix in _SUFFIXES else None
    finally:
        os.close(folder)


def read_timestamp(directory: Path) -> datetime | None:
    """Time of submission (UTC, without time zone) that nbgrader's collect wrote, if any."""
    return timestamp_in(timestamp_text(directory) or "")


def timestamp_text(directory: Path) -> str | None:
    """What a time stamp says: "" if nobody knows the time, None if it cannot be read."""
    try:
        text = read_file(directory / TIMESTAMP, 100).decode("ascii")
    except (Unreadable, ValueError):
        return None
    if not text.strip():
        return ""
    return text if timestamp_in(text) else None


@functools.lru_cache(maxsize=1_000)  # each is needed four times when a course is read
def timestamp_in(text: str) -> datetime | None:
    """Read a time (UTC, without time zone); None if there is none.

    nbgrader's own reader takes any text that looks like a time, and fails on some in ways that
    nobody can list. So it gets only what has the form that nbgrader writes.
    """
    try:
        form = _TIMESTAMP_FORM.fullmatch(text.strip())
        known = form and (form["zone"] is None or gettz(form["zone"]))
        return parse_utc(text.strip()) if known else None
    except (ValueError, OverflowError):  # there is no 30 February, say
        return None


def read_secret(directory: Path) -> bytes | None:
    """What nbgrader's submit made up, so that only this student can fetch the feedback."""
    try:
        secret = read_file(directory / SECRET, 1_000)
    except Unreadable:
        return None
    return secret if re.fullmatch(rb"[!-~]+\s*", secret) else None  # nbgrader reads it as text


def write_into(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files, by path, into a folder, which need not exist."""
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def read_file(path: Path, largest: int = MAX_FILE_BYTES) -> bytes:
    """Content of a submitted file; raises `Unreadable`, also where it is larger."""
    with _open_file(path, largest) as file:
        return file.read(largest)


@contextlib.contextmanager
def _open_folder(path: Path) -> Iterator[int | None]:
    """Open a folder; neither it nor the one above, which students make, may be a link."""
    if os.path.islink(path) or os.path.islink(path.parent):  # says it better than an error
        raise Unreadable("the folder of the submission is a link, and links are not followed.")
    folder = None
    with contextlib.ExitStack() as opened:
        if sys.platform == "linux":  # elsewhere nothing is graded, but what was graded is read
            folder = os.open(path.parent.parent, _FOLDER | os.O_PATH)
            opened.callback(os.close, folder)
            for name in (path.parent.name, path.name):
                folder = os.open(name, _FOLDER | os.O_PATH | _NOFOLLOW, dir_fd=folder)
                opened.callback(os.close, folder)
        yield folder


@contextlib.contextmanager
def _open_file(path: Path, largest: int, folder: int | None = None) -> Iterator[BinaryIO]:
    """Open a regular file that is no link, in an open folder or by `_open_folder`."""
    with contextlib.ExitStack() as opened:
        try:
            if folder is None:
                folder = opened.enter_context(_open_folder(path.parent))
            place = path if folder is None else path.name
            descriptor = os.open(place, _PLAIN | _NOFOLLOW, dir_fd=folder)
        except FileNotFoundError:
            raise Unreadable(f"there is no file {path.name}.") from None
        except OSError as error:
            is_link = error.errno == errno.ELOOP
            reason = "it is a link, and links are not followed" if is_link else error.strerror
            raise Unreadable(f"{path.name} cannot be opened: {reason}.") from None
        opened.callback(os.close, descriptor)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{path.name} is not a regular file.")
        owner = status.st_uid if folder is None else os.fstat(folder).st_uid
        if status.st_nlink > 1 and status.st_uid != owner:  # some kernels allow such hard links
            raise Unreadable(f"{path.name} is a second name of another user's file.")
        if status.st_size > largest:
            raise Unreadable(f"{path.name} has {status.st_size:,} bytes, more than {largest:,}.")
        yield opened.enter_context(open(descriptor, "rb", closefd=False))
