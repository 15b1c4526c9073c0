"""Look whether this machine has what grading needs, and say how to get what is missing."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nbgrader.exchange.default import Exchange
from traitlets import TraitError

from autograder.config import Grading
from autograder.course.folder import CourseError, load_config
from autograder.limits import MEGABYTE, Limits
from autograder.sandbox import bubblewrap, sandbox, seccomp
from autograder.sandbox.fork_server import COLD, fork_servers
from autograder.sandbox.process import StudentProcess
from autograder.text import counted

_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc")
_CONTAINER = "in Docker or Podman: the options that docs/containers.md names"


class Check(NamedTuple):
    """What was looked at and found; the remedy may have several lines."""

    what: str
    good: bool
    note: str
    remedy: str = ""
    needed: bool = True  # False if grading works without it


def report(course: Path) -> bool:
    """Print what each look found; return whether a submission of `course` can be graded here."""
    checks = list(_checks(course))
    for check in checks:
        verdict = "ok" if check.good else "MISSING" if check.needed else "without"
        print(f"{verdict:8}{check.what}: {check.note}")
        if not check.good:
            for line in check.remedy.splitlines():
                print(f"{'':10}{line}")
    good = all(check.good or not check.needed for check in checks)
    print("Grading works here." if good else "Grading does not work here yet.")
    return good


def _checks(course: Path) -> Iterator[Check]:
    if sys.platform != "linux":
        remedy = "Grade on Linux, in WSL or in a container. Everything else works here."
        yield Check("system", False, platform.system(), remedy)
        return
    machine, known = platform.machine(), seccomp.ARCHITECTURES
    remedy = f"Grade on a machine of the architecture {' or '.join(known)}."
    yield Check("filter of system calls", machine in known, machine, remedy)
    bwrap = shutil.which("bwrap")
    yield Check("bubblewrap", bwrap is not None, bwrap or "not found", sandbox.HOW_TO_INSTALL)
    if bwrap:
        allowed = bubblewrap.may(bwrap, *_NAMESPACES)
        note = "allowed" if allowed else "refused by this system"
        yield Check("namespaces", allowed, note, sandbox.HOW_TO_ALLOW)
        if allowed:
            yield from _sandbox(bwrap)
    # For one submission at a time, and the grader itself.
    at_a_time = sandbox.free_memory()[0] // (Limits().memory_bytes + 500 * MEGABYTE)
    note = f"enough for {counted(at_a_time, 'submission')} at a time (grade --jobs)"
    remedy = "Close other programs, or give the container more (--memory): 1.5 GB a submission."
    yield Check("memory", at_a_time >= 1, note, remedy)
    yield from _course(course)


def _sandbox(bwrap: str) -> Iterator[Check]:
    """What makes the sandbox better where a system allows it, and whether one starts."""
    own = bubblewrap.may(bwrap, "--proc", "/proc")
    note = "own" if own else "the sandbox has none; few programs miss it"
    remedy = "Docker: --security-opt systempaths=unconfined. Podman: --security-opt unmask=ALL"
    yield Check("/proc", own, note, remedy, needed=False)
    own = bubblewrap.may(bwrap, "--hostname", "sandbox")
    note = "own" if own else "student code can read that of this machine"
    yield Check("host name", own, note, f"{_CONTAINER} (sethostname)", needed=False)
    try:  # not only the parts: a sandbox as grading makes it, with Python and the filter inside
        with StudentProcess({}, Limits()) as student:
            failed = student.run_cell("import numpy", 60).failed
    except sandbox.SandboxUnavailable as error:
        yield Check("sandbox", False, str(error).partition("\n")[0], sandbox.HOW_TO_ALLOW)
    else:
        note = "NumPy cannot be imported in it" if failed else "Python and NumPy start in it"
        yield Check("sandbox", not failed, note, "make setup")
    refusal = fork_servers.refusal
    note = COLD.format(refusal) if refusal else "allowed"
    remedy = f"{_CONTAINER} (unshare and mount within a sandbox)"
    yield Check("warm start", not refusal, note, remedy, needed=False)


def _course(course: Path) -> Iterator[Check]:
    """The exchange, if there is a course here: all users of a server write into it."""
    try:
        config = load_config(course)
        network = Grading.of(config).network
        exchange = Path(Exchange(config=config).root)
    except (CourseError, ValueError, TraitError, OSError) as error:
        if os.path.isfile(course / "nbgrader_config.py"):
            remedy = "Mend nbgrader_config.py: nothing is graded before."
            yield Check("course", False, str(error), remedy)
            return
        note = f"{course} has no nbgrader_config.py"
        remedy = "Run this command in the course folder, or name that folder with --course."
        yield Check("course", False, note, remedy, needed=False)
        return
    open_to_all = exchange.is_dir() and exchange.stat().st_mode & 0o777 == 0o777
    writable = open_to_all and os.access(exchange, os.W_OK)
    note = f"{exchange}, {'open to' if writable else 'not there or shut for'} all users"
    yield Check("exchange", writable, note, f"sudo install -d -m 777 {exchange}", needed=False)
    if network:
        yield Check("network", True, f"student code may use it in {', '.join(network)}")
