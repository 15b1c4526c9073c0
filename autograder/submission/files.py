"""Read what students handed in, without following links or trusting names."""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from nbgrader.utils import parse_utc

from autograder.submission.notebook import MAX_FILE_BYTES, Unreadable, without_bulk

TIMESTAMP = "timestamp.txt"
SECRET = "submission_secret.txt"
MAX_BYTES_WITH_OUTPUTS = 512 * 2**20
_CHUNK = 2**20


def read_notebook(path: Path) -> bytes:
    """Content of a submitted notebook; of one above `MAX_FILE_BYTES`, without its saved outputs.

    These are left out while the file is read, so that a print that ran away needs no memory here.

    Raises
    ------
    Unreadable
        If it is missing, a link, not a regular file, or too large.
    """
    with _open_regular_file(path, MAX_BYTES_WITH_OUTPUTS) as file:
        if os.fstat(file.fileno()).st_size <= MAX_FILE_BYTES:
            return file.read(MAX_FILE_BYTES)
        chunks = iter(functools.partial(file.read, _CHUNK), b"")
        return without_bulk(itertools.islice(chunks, MAX_BYTES_WITH_OUTPUTS // _CHUNK))


def read_timestamp(directory: Path) -> datetime | None:
    """Time of submission (UTC, without time zone) that nbgrader's collect wrote, if any."""
    try:
        return parse_utc(_read_regular_file(directory / TIMESTAMP, 100).decode().strip() or None)
    except (Unreadable, ValueError, OverflowError):
        return None


def read_secret(directory: Path) -> bytes | None:
    """What nbgrader's submit made up, so that only this student can fetch the feedback."""
    try:
        secret = _read_regular_file(directory / SECRET, 1000)
    except Unreadable:
        return None
    return secret if re.fullmatch(rb"[!-~]+\s*", secret) else None  # nbgrader reads it as text


def make_harmless(assignment: str, student: str, notebooks: list[str]) -> None:
    """Replace links, pipes and a broken time stamp by notes, before nbgrader copies the files.

    nbgrader copies every file beside a submitted notebook, and follows links when it does so.
    It calls this function before (``pre_convert_hook``), and passes the paths of the notebooks.
    If this function failed, nbgrader would go on all the same: so whatever is to be removed is
    removed first, and nothing that is written later may stop it.
    """
    for directory in {Path(notebook).parent for notebook in notebooks}:
        for folder in (directory.parent, directory):
            if folder.is_symlink():
                target = os.readlink(folder)
                folder.unlink()
                directory.mkdir(parents=True)
                _write_note(directory / "link.txt", f"This folder was a link to {target!r}.")
        for path, kind in _remove_all_but_files(directory):
            note = path.with_name(f"{path.name}.note.txt")
            _write_note(note, f"{path.name!r} was {kind}. It was removed.")
        for name, read in ((TIMESTAMP, read_timestamp), (SECRET, read_secret)):
            if (directory / name).exists() and read(directory) is None:
                _set_aside(directory / name)
        for path in directory.glob("*.py"):
            if path.is_dir():  # nbgrader puts a file of the assignment there
                _set_aside(path)


def _remove_all_but_files(directory: Path) -> list[tuple[Path, str]]:
    """Remove what is neither a regular file nor a folder; return what it was."""
    removed = []
    _allow_changes(directory)
    for parent, folders, files in os.walk(directory):
        for path in (Path(parent, name) for name in folders + files):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                _allow_changes(path)
            elif stat.S_ISLNK(mode):
                removed.append((path, f"a link to {os.readlink(path)!r}"))
            elif not stat.S_ISREG(mode):
                removed.append((path, "not a regular file"))
            else:
                _allow_changes(path)
    for path, _ in removed:
        path.unlink()
    return removed


def _set_aside(path: Path) -> None:
    """Rename what nbgrader cannot handle to a free name."""
    names = (path.with_name(f"{path.name}.not-understood-{number}") for number in itertools.count())
    path.rename(next(name for name in names if not name.exists()))


def _allow_changes(path: Path) -> None:
    """Let the owner of a file or folder read and change it."""
    mode = path.stat().st_mode
    wanted = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR | stat.S_IWUSR
    with contextlib.suppress(PermissionError):  # if it is somebody else's, we may do so already
        path.chmod(stat.S_IMODE(mode) | wanted)


def _write_note(path: Path, text: str) -> None:
    """Write a note into a new file; do without if the name is taken or impossible."""
    with contextlib.suppress(OSError), open(path, "x", encoding="utf-8") as file:
        file.write(text + "\n")


def _read_regular_file(path: Path, largest: int) -> bytes:
    with _open_regular_file(path, largest) as file:
        return file.read(largest)


@contextlib.contextmanager
def _open_regular_file(path: Path, largest: int) -> Iterator[BinaryIO]:
    if os.path.islink(path.parent) or os.path.islink(path.parent.parent):
        raise Unreadable("the folder of the submission is a link, and links are not followed.")
    flags = ("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")  # those that this system has
    try:
        descriptor = os.open(path, sum(getattr(os, flag, 0) for flag in flags))
    except FileNotFoundError:
        raise Unreadable(f"there is no file {path.name}.") from None
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        reason = "it is a link, and links are not followed" if is_link else error.strerror
        raise Unreadable(f"{path.name} cannot be opened: {reason}.") from None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{path.name} is not a regular file.")
        if status.st_size > largest:
            raise Unreadable(f"{path.name} has {status.st_size:,} bytes, more than {largest:,}.")
        yield file
