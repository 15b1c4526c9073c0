"""Trees of files as nobody should hand them in, made from a seed, and how they are read.

Run as a program it makes one tree after the other, reads each, and ends with the
peak of its memory. A tree that takes longer than `SECONDS` of processor time ends it.
"""

import os
import random
import resource
import socket
import sys
from pathlib import Path

from autograder.course.folder import Course
from autograder.submission import files
from autograder.submission.names import passes

SECONDS = 2
NAMES = [
    *("data.csv", "notes.txt", "page.html", "page.HTML", "pic.svg", "p.xhtml", "helper.py", ".rc"),
    *("Initialization.ipynb", "other.ipynb", "timestamp.txt", "submission_secret.txt"),
    *("init_utils.py", "public_tests.py", "lesson", "source", "feedback", "gradebook.db"),
    *("[a]", "*", "a b", "-rf", "..x", "esc\x1b[2J.txt", "new\nline.txt", "\u202eright.txt"),
    *("\udcff.txt", "x" * 250, "y" * 251 + ".txt", "Übung.csv", "nul.npy", "a.ipynb.txt", "~", "%"),
]
TIMES = [
    *("2026-03-02 09:00:00 UTC", "", "\n", "garbage", "99999999999999999999999999910h36m28.5s"),
    *("2026-02-30 09:00:00 UTC", "9999-12-31 23:59:59 -23:59"),
    *("2026-03-02 09:00 \x1b[2J", "9" * 99),
]
_SECRET = "what only the instructor may read"


def plant(folder: Path, chance: random.Random, outside: Path, depth: int = 0) -> None:
    """Fill a folder with what a seed says; `outside` is where links lead."""
    for name in chance.sample(NAMES, chance.randrange(1, 9)):
        kind, path = chance.choice(KINDS), folder / name
        if kind == "folder":
            path.mkdir()
            if depth < 7:
                plant(path, chance, outside, depth + 1)
        else:
            kind(path, chance, outside)


def _text(path: Path, chance: random.Random, outside: Path) -> None:
    known = {files.TIMESTAMP: TIMES, files.SECRET: ["0d91-a8\n", "two words", "\x1b[2J"]}
    path.write_text(chance.choice(known.get(path.name, ["{}", "1,2\n", "[" * 5_000])))


def _deep(path: Path, chance: random.Random, outside: Path) -> None:
    """A path longer than the kernel takes at once, with a link at its end."""
    path.mkdir()
    here = os.open(path, os.O_RDONLY)
    for _ in range(chance.randrange(1, 25)):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.symlink(outside, "link", dir_fd=here)
    os.close(here)


def _link(path: Path, chance: random.Random, outside: Path) -> None:
    targets = [outside, *outside.iterdir(), path, path.parent, "/dev/zero", "/proc/self/mem"]
    path.symlink_to(chance.choice([*targets, "nowhere", "x" * 4_000]))


def _socket(path: Path, chance: random.Random, outside: Path) -> None:
    here = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.bind(f"/proc/self/fd/{here}/{path.name}".encode(errors="surrogateescape"))
        except OSError:  # a name too long for a socket
            os.mkfifo(path)
    os.close(here)


def _sparse(path: Path, chance: random.Random, outside: Path) -> None:
    with path.open("wb") as file:
        file.truncate(chance.choice([files.MAX_FILE_BYTES + 1, 2**31, 2**40]))


def _shut(path: Path, chance: random.Random, outside: Path) -> None:
    path.write_text("shut")
    path.chmod(chance.choice([0, 0o200, 0o4711]))


def _many(path: Path, chance: random.Random, outside: Path) -> None:
    path.mkdir()
    for number in range(chance.choice([50, 400])):
        (path / f"{number}.txt").touch()


KINDS = [
    *(_text, _text, _text, "folder", "folder", _deep, _link, _link, _socket, _sparse, _shut, _many),
    lambda path, chance, outside: os.mkfifo(path),
    lambda path, chance, outside: os.link(outside / "own.txt", path),
]


def outside_of(folder: Path) -> Path:
    """A folder of which no submission may show anything."""
    outside = folder / "outside"
    outside.mkdir()
    (outside / "own.txt").write_text("my own file, twice")
    (outside / "solution.txt").write_text(_SECRET)
    (outside / "timestamp.txt").write_text("2026-03-02 09:00:00 UTC")
    return outside


def read_and_stage(course: Course) -> None:
    """Read all submissions as every way to grade does, and write what may be kept of them."""
    course.misplaced()
    for submission in course.submissions():
        submitted = course.read(submission)
        notebooks = dict.fromkeys((f"{name}.ipynb" for name in course.notebooks), b"")
        kept = {**submitted.attachments, **submitted.marks, **notebooks}
        files.write_into(course.unfinished(submission.student), kept)


def assert_clean(folder: Path) -> int:
    """Assert that only plain files with harmless names and none of the secrets are in a folder."""
    found = 0
    for path in folder.rglob("*"):
        assert not path.is_symlink() and (path.is_dir() or path.is_file()), path
        name = str(path.relative_to(folder).as_posix()).partition("/Initialization/")[2]
        assert all(map(passes, name.split("/"))) or not name, path
        if path.is_file():
            found += 1
            assert path.suffix not in (".html", ".HTML", ".svg", ".xhtml"), path
            assert path.stat().st_size < 10_000_000 and _SECRET not in path.read_text(), path
    return found


def main(folder: Path, seeds: range) -> None:
    """Plant a tree for each seed, read it, and look what came of it."""
    course = Course(folder, "Initialization")
    outside = outside_of(folder)
    kept = 0
    for seed in seeds:
        chance = random.Random(seed)
        place = folder / "submitted" / f"student-{seed}" / "Initialization"
        place.parent.mkdir(parents=True)
        if chance.randrange(10):
            place.mkdir()
            plant(place, chance, outside)
            if chance.randrange(10) and not os.path.lexists(place / "Initialization.ipynb"):
                (place / "Initialization.ipynb").write_text("{}")
        else:
            place.symlink_to(outside)
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1 + SECONDS, resource.RLIM_INFINITY))
        print("seed", seed, flush=True)
        read_and_stage(course)
        if (folder / files.STAGING).exists():
            kept += assert_clean(folder / files.STAGING)
        os.system(f"rm -rf {folder / files.STAGING}")
        os.system(f"rm -rf {place.parent}")
    print("kept", kept)
    print(Path("/proc/self/status").read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]), range(*map(int, sys.argv[2:])))
