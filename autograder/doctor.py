"""Look whether this machine has what grading needs, and say how to get what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course.folder import CourseError, load_config
from autograder.limits import MEGABYTE, Limits
from autograder.machine import HOW_TO_ALLOW, HOW_TO_INSTALL, free_memory
from autograder.sandbox import bubblewrap, seccomp
from autograder.sandbox.fork_server import COLD, fork_servers
from autograder.sandbox.process import SandboxUnavailable, StudentProcess

_NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc")
_CONTAINER = "in Docker or Podman: the options that docs/containers.md names"


@dataclass(frozen=True)
class Check:
    """What one look found.

    Attributes
    ----------
    what : str
        What was looked at.
    good : bool
    note : str
        What was found.
    remedy : str
        How to get what is missing, on one line or several.
    needed : bool
        False if grading works without it.
    """

    what: str
    good: bool
    note: str
    remedy: str = ""
    needed: bool = True


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
        yield Check(
            *("system", False, platform.system()),
            remedy="Grade on Linux, in WSL or in a container. Everything else works here.",
        )
        return
    yield _architecture()
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        yield Check("bubblewrap", False, "not found", HOW_TO_INSTALL)
    else:
        told = subprocess.run([bwrap, "--version"], capture_output=True, text=True)
        yield Check("bubblewrap", True, told.stdout.strip())
        namespaces = bubblewrap.may(bwrap, *_NAMESPACES)
        yield Check(
            *("namespaces", namespaces, "allowed" if namespaces else "refused by this system"),
            HOW_TO_ALLOW,
        )
        if namespaces:
            yield from _extras(lambda *options: bubblewrap.may(bwrap, *options))
            yield _sandbox()
            yield _fork_server()
    yield _memory()
    yield from _exchange(course)


def _architecture() -> Check:
    machine = platform.machine()
    return Check(
        *("filter of system calls", machine in seccomp.ARCHITECTURES, machine),
        f"Grade on a machine of the architecture {' or '.join(seccomp.ARCHITECTURES)}.",
    )


def _extras(may: Callable[..., bool]) -> Iterator[Check]:
    """What makes the sandbox better where a system allows it."""
    proc = may("--proc", "/proc")
    yield Check(
        *("/proc", proc, "own" if proc else "the sandbox has none; few programs miss it"),
        "Docker: --security-opt systempaths=unconfined. Podman: --security-opt unmask=ALL",
        needed=False,
    )
    name = may("--hostname", "sandbox")
    yield Check(
        *("host name", name, "own" if name else "student code can read that of this machine"),
        f"{_CONTAINER} (sethostname)",
        needed=False,
    )


def _sandbox() -> Check:
    """Not only the parts: a sandbox as grading makes it, with Python and the filter inside."""
    try:
        with StudentProcess({}, Limits()) as student:
            failed = student.run_cell("import numpy", 60).failed
    except SandboxUnavailable as error:
        said = str(error).partition("\n")[0]
        return Check("sandbox", False, said, HOW_TO_ALLOW)
    if failed:
        return Check("sandbox", False, "NumPy cannot be imported in it", "make setup")
    return Check("sandbox", True, "Python and NumPy start in it")


def _fork_server() -> Check:
    """Whether sandboxes can be forked from one that has Python and packages loaded."""
    refusal = fork_servers.refusal
    return Check(
        *("warm start", not refusal, COLD.format(refusal) if refusal else "allowed"),
        f"{_CONTAINER} (unshare and mount within a sandbox)",
        needed=False,
    )


def _memory() -> Check:
    """Memory that is free here and that a container leaves us, for one submission at a time."""
    needed = Limits().memory_bytes + 500 * MEGABYTE  # and the grader itself
    free, _ = free_memory()
    at_a_time = free // needed
    return Check(
        "memory",
        at_a_time >= 1,
        f"{free / 1e9:.1f} GB, enough for {at_a_time} submissions at a time (grade --jobs)",
        f"A submission may use {Limits().memory_bytes / 1e9:.1f} GB. Close other programs, or give "
        "the container more (--memory).",
    )


def _exchange(course: Path) -> Iterator[Check]:
    """The exchange, if there is a course here: all users of a server write into it."""
    try:
        root = load_config(course).Exchange.root
    except CourseError:
        yield Check(
            *("course", False, f"{course} has no nbgrader_config.py that can be loaded"),
            "Run this command in the course folder, or name that folder with --course.",
            needed=False,
        )
        return
    exchange = Path(root) if isinstance(root, str) else Path("/usr/local/share/nbgrader/exchange")
    open_to_all = exchange.is_dir() and exchange.stat().st_mode & 0o777 == 0o777
    writable = open_to_all and os.access(exchange, os.W_OK)
    yield Check(
        *(
            "exchange",
            writable,
            f"{exchange}, {'open to' if writable else 'not there or shut for'} all users",
        ),
        f"sudo install -d -m 777 {exchange}",
        needed=False,
    )
