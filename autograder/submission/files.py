"""Read what students handed in, without following links or trusting names."""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import itertools
import os
import re
import stat
import sys
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO

from dateutil.tz import gettz
from nbgrader.utils import parse_utc

from autograder.submission.notebook import MAX_FILE_BYTES, Unreadable, without_bulk

TIMESTAMP = "timestamp.txt"
SECRET = "submission_secret.txt"
# Pages and drawings are left out: Formgrader would show them with all rights of its own.
_SUFFIXES = frozenset(".ipynb .py .pyc .txt .md .csv .tsv .json .npy .npz .png .jpg .jpeg".split())
_TIMESTAMP_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"( ?(Z|[A-Z]{3,5}|[+-][0-9]{2}:?[0-9]{2}|(?P<zone>[A-Z][A-Za-z]+(/[A-Z][A-Za-z_]+){1,2})))?"
)
_PATH_BESIDE = re.compile(r"(?:\w[\w .-]{0,80}/){0,4}\w[\w .-]{0,80}", re.ASCII)
_FILES_BESIDE, _BYTES_BESIDE = 100, 8 * 2**20
_ENTRIES_BESIDE = 1_000  # that are looked at, folders included
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


def read_beside(directory: Path, ours: Collection[str] = ()) -> dict[str, bytes]:
    """Files that a student handed in beside a notebook, by path; those in `ours` are left out.

    Only plain files of the kinds that `make_harmless` leaves are read, as far as a part of a
    sandbox's space has room for them.
    """
    found: dict[str, bytes] = {}
    room = _BYTES_BESIDE
    with contextlib.suppress(OSError, Unreadable), contextlib.ExitStack() as opened:
        top = _open_folder(directory)
        opened.callback(os.close, top)
        for path, place in _paths_in(top, ".", "", iter(range(_ENTRIES_BESIDE))):
            known = path in (TIMESTAMP, SECRET, *ours)
            if not known and Path(path).suffix in _SUFFIXES - {".ipynb"}:
                content = _read_plain(Path(path).name, place, room)
                if content is not None and len(found) < _FILES_BESIDE:
                    found[path] = content
                    room -= len(content)
    return found


def _paths_in(above: int, name: str, prefix: str, left: Iterator[int]) -> Iterator[tuple[str, int]]:
    """Each path in a folder, with the open folder that holds it, as long as `left` has numbers."""
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, left, strict=False):
                path = prefix + entry.name
                if not _PATH_BESIDE.fullmatch(path):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from _paths_in(folder, entry.name, f"{path}/", left)
                else:
                    yield path, folder
    finally:
        os.close(folder)


def _read_plain(name: str, place: int, largest: int) -> bytes | None:
    """Content of a regular file in an open folder; None if it is something else, or larger."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = file.read(largest + 1)
        return content if len(content) <= largest else None


def read_timestamp(directory: Path) -> datetime | None:
    """Time of submission (UTC, without time zone) that nbgrader's collect wrote, if any.

    See `timestamp_in` for which texts are understood.
    """
    try:
        return timestamp_in(_read_regular_file(directory / TIMESTAMP, 100).decode("ascii").strip())
    except (Unreadable, ValueError):
        return None


def timestamp_in(text: str) -> datetime | None:
    """Read a time (UTC, without time zone); None if there is none.

    nbgrader's own reader takes any text that looks like a time, and fails on some in ways that
    nobody can list. So it gets only what has the form that nbgrader writes.
    """
    try:
        form = _TIMESTAMP_FORM.fullmatch(text)
        known = form and (form["zone"] is None or gettz(form["zone"]))
        return parse_utc(text) if known else None
    except (ValueError, OverflowError):  # there is no 30 February, say
        return None


def refuse_set_aside_timestamp(directory: Path) -> None:
    """Stop if `make_harmless` has set a time stamp aside and nothing took its place.

    Raises
    ------
    ValueError
        As nbgrader does of such a time stamp: nobody could say whether the submission is late.
    """
    found = list(directory.parent.glob(f"{glob.escape(directory.name)}.set-aside-*/{TIMESTAMP}"))
    if found and not os.path.lexists(directory / TIMESTAMP):
        raise ValueError(
            f"The time stamp in {found[0]} cannot be read, so nobody knows whether this "
            f"submission is late. Write the time into {directory / TIMESTAMP}, such as 2026-03-02 "
            "09:00:00 UTC, or leave that file empty if it does not matter. Then grade again."
        )


def read_secret(directory: Path) -> bytes | None:
    """What nbgrader's submit made up, so that only this student can fetch the feedback."""
    try:
        secret = _read_regular_file(directory / SECRET, 1000)
    except Unreadable:
        return None
    return secret if re.fullmatch(rb"[!-~]+\s*", secret) else None  # nbgrader reads it as text


def make_harmless(assignment: str, student: str, notebooks: list[str]) -> None:
    """Leave only plain files in the folder of a submission, before nbgrader copies them.

    nbgrader copies every file beside a submitted notebook, and follows links when it does so.
    It calls this function before (``pre_convert_hook``), and passes the paths of the notebooks.
    If this function failed, nbgrader would go on all the same: so whatever is not allowed is
    removed (links, pipes) or moved to a folder beside (all else) at once, and nothing that is
    written later may stop it.
    """
    for directory in {Path(notebook).parent for notebook in notebooks}:
        for folder in (directory.parent, directory):
            if folder.is_symlink():
                target = os.readlink(folder)
                folder.unlink()
                directory.mkdir(parents=True)
                _write_note(directory / "link.txt", f"This folder was a link to {target!r}.")
        _allow_changes(directory)
        removed, moved, room = [], [], _Room()
        for path in sorted(map(Path, os.scandir(directory))):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                removed.append((path, f"a link to {os.readlink(path)!r}"))
                path.unlink()
            elif not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                removed.append((path, "not a regular file"))
                path.unlink()
            else:
                _allow_changes(path)
                if not (_is_understood(path) and room.has_place_for(path)):
                    moved.append(path)
        if moved:
            beside = Path(mkdtemp(prefix=f"{directory.name}.set-aside-", dir=directory.parent))
            for path in moved:
                path.rename(beside / path.name)
            _write_note(directory / "set-aside.txt", f"{len(moved)} moved to {beside.name}.")
        for path, kind in removed:
            note = path.with_name(f"{path.name}.note.txt")
            _write_note(note, f"{path.name!r} was {kind}. It was removed.")


def _is_understood(path: Path) -> bool:
    """Whether nbgrader reads from a file with a name of its own what we do."""
    if path.name == TIMESTAMP and path.is_file() and path.stat().st_size == 0:
        return True  # nobody says when it was handed in
    readers = {TIMESTAMP: read_timestamp, SECRET: read_secret}
    return path.name not in readers or readers[path.name](path.parent) is not None


class _Room:
    """What may stand beside a notebook, as long as there is room for it."""

    def __init__(self) -> None:
        self._files = 500
        self._bytes = MAX_BYTES_WITH_OUTPUTS + MAX_FILE_BYTES

    def has_place_for(self, path: Path, depth: int = 0) -> bool:
        """Whether a file, or all of a folder, is plain, and not too much with those before."""
        status = path.lstat()
        self._files -= 1
        if self._files < 0 or depth > 4 or not path.name.isprintable():
            return False
        if stat.S_ISDIR(status.st_mode):
            # nbgrader puts files of the assignment where a folder may have the name of one.
            _allow_changes(path)
            with os.scandir(path) as entries:
                # Pages and drawings show by their suffix; a notebook that is a folder is reported.
                return path.suffix in ("", ".ipynb") and all(
                    self.has_place_for(Path(entry), depth + 1) for entry in entries
                )
        self._bytes -= status.st_size
        if not stat.S_ISREG(status.st_mode) or path.suffix not in _SUFFIXES or self._bytes < 0:
            return False
        _allow_changes(path)
        return True


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


def _open(path: Path) -> int:
    """Open a file; neither it nor the two folders above it, which students make, may be links."""
    if os.path.islink(path.parent) or os.path.islink(path.parent.parent):
        raise Unreadable("the folder of the submission is a link, and links are not followed.")
    if sys.platform != "linux":  # there is no grading there, only reading of what was graded
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    folder = _open_folder(path.parent)
    try:
        return os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def _open_folder(path: Path) -> int:
    """Open a folder; neither it nor the one above may be a link, whoever puts one there when."""
    folder = os.open(path.parent.parent, os.O_PATH | os.O_DIRECTORY)
    for name in (path.parent.name, path.name):
        above = folder
        try:
            folder = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        finally:
            os.close(above)
    return folder


def _read_regular_file(path: Path, largest: int) -> bytes:
    with _open_regular_file(path, largest) as file:
        return file.read(largest)


@contextlib.contextmanager
def _open_regular_file(path: Path, largest: int) -> Iterator[BinaryIO]:
    try:
        descriptor = _open(path)
    except FileNotFoundError:
        raise Unreadable(f"there is no file {path.name}.") from None
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        reason = "it is a link, and links are not followed" if is_link else error.strerror
        raise Unreadable(f"{path.name} cannot be opened: {reason}.") from None
    with contextlib.ExitStack() as opened:
        opened.callback(os.close, descriptor)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{path.name} is not a regular file.")
        if status.st_size > largest:
            raise Unreadable(f"{path.name} has {status.st_size:,} bytes, more than {largest:,}.")
        yield opened.enter_context(open(descriptor, "rb", closefd=False))
