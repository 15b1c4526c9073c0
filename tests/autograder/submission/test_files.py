"""What stands beside a submitted notebook, whatever it holds."""

import os
import random
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograder.config import configure
from autograder.submission import files
from autograder.submission.notebook import Unreadable
from tests.support import courses

FORMS_OF_NBGRADER = {
    "2026-03-02 09:00:00.250000 UTC": datetime(2026, 3, 2, 9, 0, 0, 250_000),
    "2026-03-02 09:00:00 UTC\n": datetime(2026, 3, 2, 9),
    "2026-03-02 09:00:00": datetime(2026, 3, 2, 9),
    "2026-03-02T09:00+01:00": datetime(2026, 3, 2, 8),
}
NO_TIMES = [
    "",
    "garbage",
    "99999999999999999999999999999910h36m28.5s",  # an error that no reader of times announces
    "2026-02-30 09:00:00 UTC",
    "2026-03-02 09:00:00 UTC\x1b[2J",
    "2026-03-02 09:00:00\nUTC",
    "٢٠٢٦-03-02 09:00:00 UTC",
    "10h",
    "2026-03-02 09:00:00 UTC" + " " * 100,
]


@pytest.fixture(scope="module")
def assignment():
    return courses.assignment_in()


def written(folder, text):
    (folder / files.TIMESTAMP).write_bytes(text if isinstance(text, bytes) else text.encode())
    return files.read_timestamp(folder)


@pytest.mark.parametrize("text", FORMS_OF_NBGRADER)
def test_a_time_in_the_form_of_nbgrader_is_understood(tmp_path, text):
    assert written(tmp_path, text) == FORMS_OF_NBGRADER[text]


@pytest.mark.parametrize("text", NO_TIMES)
def test_any_other_text_is_no_time(tmp_path, text):
    assert written(tmp_path, text) is None


def test_no_text_at_all_makes_the_reader_of_times_fail(tmp_path):
    chance = random.Random(12)
    parts = [*FORMS_OF_NBGRADER, *NO_TIMES, "9999-12-31 23:59:59 -23:59", "0001-01-01 00:00 +23:59"]
    for _ in range(500):
        text = bytearray(chance.choice(parts).encode())
        for _ in range(chance.randrange(4)):
            start = chance.randrange(len(text) + 1)
            piece = chance.choice([b"9" * 30, b"0", b":", b"-", b"+", b" ", b"Z", b"h", b"\xff"])
            text[start : start + chance.randrange(3)] = piece
        assert isinstance(written(tmp_path, bytes(text)), datetime | None)


def test_only_plain_files_pass_and_all_else_is_named(assignment, tmp_path):
    folder = tmp_path / "submitted" / "bob" / "Initialization"
    (folder / "mine" / "deep" / "er").mkdir(parents=True)
    plain = ["data (1).csv", "Übung.csv", "mine/rules.py", "mine/deep/er/notes.txt"]
    for name in [*plain, "init_utils.py", ".hidden", "Initialization.ipynb"]:
        (folder / name).write_text("mine")
    odd = ["page.HTML", "p.xhtml", "pic.svg", "esc\x1b[2J.txt", "no suffix"]
    for name in odd:
        (folder / name).write_text("odd")
    (folder / "[a]").mkdir()
    (folder / "[a]" / "page.html").write_text("odd")
    (folder / "links").mkdir()
    (folder / "links" / "a.txt").symlink_to("/etc/passwd")
    with open(folder / "sparse.csv", "wb") as file:
        file.truncate(2_000_000_000)
    os.mkfifo(folder / "pipe.txt")

    attachments, skipped = files.read_attachments(folder, assignment)
    assert set(attachments) == set(plain)
    odd[3] = "esc\N{REPLACEMENT CHARACTER}[2J.txt"
    odd += ["[a]/page.html", "links/a.txt", "sparse.csv", "pipe.txt"]
    assert skipped == sorted(odd)
    files.write_into(tmp_path / "copy", attachments)
    copied = {path for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert {str(path.relative_to(tmp_path / "copy")) for path in copied} == set(plain)


def test_no_tree_of_files_holds_up_or_passes_a_door(course_template, tmp_path):
    """Trees from seeds; the limits are in the program."""
    course = courses.copy_of(course_template, tmp_path / "course")
    command = [sys.executable, "-m", "tests.support.trees", str(course), "0", "40"]
    result = subprocess.run(command, cwd=courses.PROJECT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-100:] + result.stderr[-4_000:]
    assert int(re.search(r"kept (\d+)", result.stdout)[1]) > 500
    assert int(re.search(r"VmHWM:\s+(\d+) kB", result.stdout)[1]) < 300_000


def test_a_folder_that_becomes_a_link_while_it_is_opened_is_not_followed(tmp_path, monkeypatch):
    for place in ("submitted/bob/Initialization", "source/Initialization"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "Initialization.ipynb").write_text(place)
    path = tmp_path / "submitted" / "bob" / "Initialization" / "Initialization.ipynb"
    assert files.read_file(path) == b"submitted/bob/Initialization"
    looked = os.path.islink

    def swap(folder):
        answer = looked(folder)
        if Path(folder) == path.parent.parent:  # the last look
            path.parent.rename(tmp_path / "away")
            path.parent.symlink_to(tmp_path / "source" / "Initialization")
        return answer

    monkeypatch.setattr(os.path, "islink", swap)
    with pytest.raises(Unreadable):
        files.read_file(path)


def test_nbgrader_reads_time_stamps_as_we_do(tmp_path):
    configure(Config())
    os.mkfifo(tmp_path / files.TIMESTAMP)
    assert CourseDirectory().get_existing_timestamp(str(tmp_path)) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_hard_link_to_the_file_of_another_user_is_not_read(assignment, tmp_path):
    folder = tmp_path / "submitted" / "bob" / "Initialization"
    folder.mkdir(parents=True)
    for name in ("Initialization.ipynb", "data.csv", "own.csv"):
        (tmp_path / name).write_text("secret")
        os.link(tmp_path / name, folder / name)
        os.chown(tmp_path / name, 12345 if name != "own.csv" else 0, -1)
    with pytest.raises(Unreadable, match="another user's file"):
        files.read_file(folder / "Initialization.ipynb")
    attachments, skipped = files.read_attachments(folder, assignment)
    assert (set(attachments), skipped) == ({"own.csv"}, ["data.csv"])


def test_a_linked_folder_is_not_read(assignment, tmp_path):
    secret = tmp_path / "elsewhere" / "Initialization"
    secret.mkdir(parents=True)
    (secret / "Initialization.ipynb").write_text("{}")
    (secret / "secret.txt").write_text("secret")
    (secret / "timestamp.txt").write_text("2026-03-02 09:00:00 UTC")
    submitted = tmp_path / "submitted"
    submitted.mkdir()
    (submitted / "bob").symlink_to(secret.parent)
    notebook = submitted / "bob" / "Initialization" / "Initialization.ipynb"
    with pytest.raises(Unreadable, match="links are not followed"):
        files.read_file(notebook)
    assert files.read_attachments(notebook.parent, assignment) == ({}, ["timestamp.txt"])
    assert files.read_timestamp(notebook.parent) is None


@pytest.mark.parametrize("secret", [b"\xff\xfe", b"two words", b"\x1b[2J", b""])
def test_a_secret_that_nbgrader_cannot_read_is_none(tmp_path, secret):
    (tmp_path / "submission_secret.txt").write_bytes(secret)
    assert files.read_secret(tmp_path) is None
    (tmp_path / "submission_secret.txt").write_bytes(b"0d91-a8\n")
    assert files.read_secret(tmp_path) == b"0d91-a8\n"
