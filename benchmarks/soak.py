"""Grade many submissions of all kinds on a local Dask cluster, and check every score.

    python benchmarks/soak.py [--count N] [--seed N] [--fault NAME]

Half of the submissions are right; the others hold a mistake, an attack or damage, drawn from a
seed. While they are graded, something may go wrong (``--fault``). Afterwards every submission must
stand in the gradebook exactly once with the score that it must get, and no process and no file may
be left. Speed and memory are printed, for people to compare the first hundred with the last.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import itertools
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import psutil
from rich.progress import track

from tests.attacks.attacks import ATTACKS, PROOF
from tests.support import courses
from tests.support.damage import DAMAGES, UNREADABLE
from tests.support.mistakes import EXERCISES, MISTAKES, RIGHT_ANSWERS

WORKERS = 2
SHARES = {"right": 50, "wrong": 32, "hostile": 8, "damaged": 8, "unreadable": 2}
RIGHT = [10, 10, 10]
LOCKED_SECONDS = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="submissions (default: 1000)")
    parser.add_argument("--seed", type=int, default=7, help="(default: %(default)s)")
    parser.add_argument("--fault", choices=FAULTS, help="what goes wrong half-way")
    options = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        return Soak(Path(place), options).run()


class Soak:
    """One run, in a folder of its own."""

    def __init__(self, place: Path, options: argparse.Namespace) -> None:
        self.course = place / "course"
        self.temporary = place / "temporary"
        self.temporary.mkdir()
        self.options = options
        self.expected: dict[str, list[int]] = {}
        self.times: list[float] = []  # of each line that reports a result
        self.memory: list[dict[str, int]] = []  # of each part, whenever a hundred more are done
        self.fault = FAULTS.get(options.fault)

    def run(self) -> int:
        print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before the run")
        with on_a_small_disk(self.course) if self.options.fault == "disk" else nothing():
            courses.generate(self.course)
            mounts = Path("/proc/self/mounts").read_text()
            with cluster(self.temporary) as (self.address, self.processes):
                self.warm_up()
                self.hand_in()
                before = self.resources()
                with Watch(self.processes) as self.watch:
                    self.grade()
                    # The second run grades what the fault left over.
                    runs = 1
                    while self.grade_the_rest():
                        runs += 1
                after = self.resources()
            self.report(before, after, runs)
            left = left_over(mounts)
            return self.check() or left_running(before, after) or left

    def warm_up(self) -> None:
        """Grade a few, so that all workers have what they keep: fork servers, and the reader."""
        for number in range(2 * WORKERS):
            student = f"first-{number}"
            self.expected[student] = hand_in(self.course, student, "right", random.Random(number))
        assert self.grade_the_rest()

    def hand_in(self) -> None:
        drawn = random.Random(self.options.seed)
        kinds = drawn.choices(list(SHARES), SHARES.values(), k=self.options.count)
        print("Submissions:", ", ".join(f"{n} {kind}" for kind, n in Counter(kinds).items()))
        for number, kind in enumerate(track(kinds, "handing in")):
            student = f"{number:05}-{kind}"
            self.expected[student] = hand_in(self.course, student, kind, drawn)

    def start_grader(self) -> subprocess.Popen[str]:
        command = ["autograder", "grade", "--course", str(self.course), "--scheduler", self.address]
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=PROJECT,
            env=os.environ | {"TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def grade(self) -> None:
        self.grader = self.start_grader()
        self.watch.add("grader", self.grader.pid)
        for line in self.grader.stdout:
            if line.startswith("["):
                self.times.append(time.monotonic())
                if len(self.times) % 100 == 0:
                    self.memory.append(dict(self.watch.now))
                if len(self.times) == self.options.count // 2 and self.fault:
                    self.fault(self)
            elif "WARNING" in line or "Traceback" in line or line.startswith("autograder:"):
                print(line.rstrip())
        self.grader.wait()

    def grade_the_rest(self) -> bool:
        """Run the grader again; whether there was anything left to do."""
        self.grader = self.start_grader()
        output, _ = self.grader.communicate()
        graded = sum(line.startswith("[") for line in output.splitlines())
        if graded:
            print(f"{graded} submissions were left for another run")
        elif "Nothing to grade" not in output:
            print(output)
        return graded > 0

    def resources(self) -> dict[str, tuple[int, int]]:
        """Open files and child processes by part of the cluster."""
        found = {}
        for name, process in self.processes.items():
            family = process.children(recursive=True)
            found[name] = (process.num_fds() + sum(p.num_fds() for p in family), len(family))
        return found

    def report(self, before: dict, after: dict, runs: int) -> None:
        print(f"\nGraded in {runs} run(s). By hundreds: submissions per minute, median of the time")
        print("between two results in ms (few never end, so they do not weigh), memory in MB:")
        for first in range(0, len(self.times) - 1, 100):
            part = self.times[first : first + 101]
            speed = 60 * (len(part) - 1) / (part[-1] - part[0])
            gap = 1000 * statistics.median(later - one for one, later in itertools.pairwise(part))
            memory = self.memory[first // 100] if first // 100 < len(self.memory) else {}
            shown = "  ".join(f"{name} {used / 1e6:4.0f}" for name, used in memory.items())
            print(f"  {first:>6} {speed:7.1f} {gap:6.0f}   {shown}")
        print("Peak memory in MB:")
        for name, peak in self.watch.peaks.items():
            print(f"  {name:<12} {peak / 1e6:7.0f}")
        print("Open files and child processes, before and after:")
        for name in before:
            print(f"  {name:<12} {before[name]} {after[name]}")
        size = (self.course / "gradebook.db").stat().st_size
        print(f"Gradebook: {size / 1e6:.1f} MB, {size / len(self.expected) / 1e3:.1f} kB for each")

    def check(self) -> int:
        scores = courses.scores(self.course)
        wrong = {s: scores.get(s) for s in self.expected if scores.get(s) != self.expected[s]}
        for student, score in wrong.items():
            print(f"WRONG: {student} has {score}, not {self.expected[student]}")
        courses.assert_sound(self.course)
        left = [path.name for path in self.temporary.iterdir()]
        print(f"{len(scores) - len(wrong)} of {len(self.expected)} scores as they must be")
        print(f"Left in the temporary directory: {', '.join(left) or 'nothing'}")
        return 1 if wrong or left or set(scores) - set(self.expected) else 0


def left_over(mounts: str) -> int:
    """Number of processes and mounts that the cluster and the graders have left behind.

    Processes that lose their parent become children of this one, see `adopt_orphans`.
    """
    others = psutil.Process().children(recursive=True)
    _, alive = psutil.wait_procs(others, timeout=10)
    print(f"Left of processes: {', '.join(' '.join(p.cmdline()) for p in alive) or 'nothing'}")
    new = set(Path("/proc/self/mounts").read_text().splitlines()) - set(mounts.splitlines())
    print(f"Left of mounts: {', '.join(new) or 'nothing'}")
    return len(alive) + len(new)


def adopt_orphans() -> None:
    set_child_subreaper = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
    assert ctypes.CDLL(None).prctl(set_child_subreaper, 1) == 0


def left_running(before: dict, after: dict) -> int:
    """How many more child processes there are than before."""
    return sum(max(0, after[name][1] - before[name][1]) for name in before)


def hand_in(course: Path, student: str, kind: str, drawn: random.Random) -> list[int]:
    """Hand in one submission of a kind; return the scores that it must get."""
    right = drawn.choice(list(RIGHT_ANSWERS.values()))
    if kind == "wrong":
        mistake = drawn.choice(MISTAKES)
        courses.hand_in(course, student, courses.answers(**{mistake.exercise: mistake.source}))
        return [0 if exercise == mistake.exercise else 10 for exercise in EXERCISES]
    if kind == "hostile":
        proof = PROOF.format(course=str(course), port=9, outside=__file__)
        path = courses.hand_in(course, student, courses.answers())
        notebook = json.loads(path.read_text())
        (cell,) = [cell for cell in notebook["cells"] if cell["id"] == "initialize-random"]
        cell["source"] = proof + drawn.choice(ATTACKS).cell
        path.write_text(json.dumps(notebook))
        return [10, 0, 10]
    path = courses.hand_in(course, student, right)
    if kind == "damaged":
        path.write_bytes(drawn.choice(list(DAMAGES.values()))(path.read_bytes()))
    if kind == "unreadable":
        path.write_bytes(drawn.choice(list(UNREADABLE.values()))(path.read_bytes()))
        return [0, 0, 0]
    return RIGHT


@contextlib.contextmanager
def cluster(temporary: Path) -> Iterator[tuple[str, dict[str, psutil.Process]]]:
    """A scheduler and workers as processes of this machine."""
    address = "tcp://127.0.0.1:28786"
    scratch = str(temporary.with_name("dask"))
    settings = {
        "TMPDIR": str(temporary),
        "DASK_TEMPORARY_DIRECTORY": scratch,
        "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "10",  # as docs/scale.md says
    }
    host = ["--host", "127.0.0.1", "--port", "28786"]
    parts = {"scheduler": ["scheduler", *host]}
    for number in range(1, WORKERS + 1):
        parts[f"worker {number}"] = ["worker", address, "--nthreads", "1"]
    with contextlib.ExitStack() as started:
        processes = {}
        for name, command in parts.items():
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command, "--no-dashboard"],
                cwd=PROJECT,
                env=os.environ | settings,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started.callback(process.wait)
            started.callback(process.terminate)
            processes[name] = psutil.Process(process.pid)
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(WORKERS, timeout=120)
        yield address, processes


class Watch:
    """Looks once a second at how much memory each part uses with all its child processes.

    Of the workers only Dask's own processes count: what runs in the sandboxes has its own limit.
    """

    def __init__(self, processes: dict[str, psutil.Process]) -> None:
        self._processes = dict(processes)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.now: dict[str, int] = {}
        self.peaks: Counter[str] = Counter()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def add(self, name: str, pid: int) -> None:
        self._processes[name] = psutil.Process(pid)

    def _look(self) -> None:
        while not self._over.wait(1):
            for name, process in list(self._processes.items()):
                with contextlib.suppress(psutil.Error):
                    family = [process, *process.children()]
                    memory = sum(one.memory_info().rss for one in family)
                    self.now[name] = memory
                    self.peaks[name] = max(self.peaks[name], memory)


# What can go wrong half-way.


def kill_a_worker(soak: Soak) -> None:
    (at_work,) = [
        child
        for child in soak.processes["worker 1"].children()
        if "spawn_main" in " ".join(child.cmdline())
    ]
    at_work.kill()


def kill_fork_servers(soak: Soak) -> None:
    """The fork server is the oldest process in a sandbox; the others are its forks."""
    children = soak.processes["worker 1"].children(recursive=True)
    inside = [one for one in children if "/run/first_program.py" in one.cmdline()]
    oldest = {}
    for one in sorted(inside, key=psutil.Process.create_time):
        oldest.setdefault(one.ppid(), one)
    for server in oldest.values():
        if server.parent().name() == "bwrap":
            server.kill()
    print(f"Killed {len(oldest)} fork servers.")


def kill_the_grader(soak: Soak) -> None:
    soak.grader.send_signal(signal.SIGKILL)


def lock_the_gradebook(soak: Soak) -> None:
    def lock() -> None:
        with contextlib.closing(sqlite3.connect(soak.course / "gradebook.db", 60)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(LOCKED_SECONDS)
            other.rollback()

    threading.Thread(target=lock).start()


def start_another_grader(soak: Soak) -> None:
    second = soak.start_grader()
    output, _ = second.communicate()
    assert second.returncode == 2 and "Another grader is working" in output, output
    print("A second grader was refused.")


def hand_in_more(soak: Soak) -> None:
    for number in range(5):
        student = f"late-{number}"
        soak.expected[student] = hand_in(soak.course, student, "right", random.Random(number))


def jump_with_the_clock(soak: Soak) -> None:
    """Hand in again what has been graded, by a clock that was put back or forward by years."""
    recorded = [student for student in courses.scores(soak.course) if student in soak.expected][:2]
    for student, year in zip(recorded, (2001, 2101), strict=True):
        folder = courses.submission_path(soak.course, student).parent
        (folder / "timestamp.txt").write_text(f"{year}-01-01 00:00:00 UTC")


def fill_the_disk(soak: Soak) -> None:
    """Leave no space in the file system of the course, which `on_a_small_disk` has mounted."""
    assert soak.course.is_mount()
    space = os.statvfs(soak.course)
    filler = soak.course.parent / "course" / "filler"
    with open(filler, "wb") as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize)

    def make_room() -> None:
        time.sleep(LOCKED_SECONDS)
        filler.unlink()

    threading.Thread(target=make_room).start()


FAULTS: dict[str, Callable[[Soak], None]] = {
    "worker": kill_a_worker,
    "fork-server": kill_fork_servers,
    "grader": kill_the_grader,
    "disk": fill_the_disk,
    "lock": lock_the_gradebook,
    "arrival": hand_in_more,
    "second": start_another_grader,
    "clock": jump_with_the_clock,
}


@contextlib.contextmanager
def on_a_small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system in memory, so that filling it harms nobody; only root may."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=500m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


nothing = contextlib.nullcontext

if __name__ == "__main__":
    sys.exit(main())
