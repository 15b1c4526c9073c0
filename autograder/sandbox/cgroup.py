"""A control group (cgroup v2) for each sandbox, where this machine lets us make some.

The kernel then counts all memory of a sandbox, its own included (sockets, pipes, locks, files in
memory), and its processes, at every moment. We may make groups below our own one if systemd has
delegated it (``systemd-run --user --scope -p Delegate=yes``), or in a container that has a tree of
its own. Everywhere else `usage` is looked at five times a second, as it is here as well.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from pathlib import Path

from autograder.limits import Limits

_LEAF = "graders"  # a group that has others below it must not hold processes itself
_numbers = itertools.count()


class NoGroups(OSError):
    """No control group can be made here; the message says why."""


@functools.cache
def in_force() -> tuple[Path | None, str]:
    """The group below which ours are made, or None and why; the first call moves this process."""
    try:
        return prepared(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup").read_text()), ""
    except OSError as error:
        return None, str(error)


def prepared(tree: Path, membership: str) -> Path:
    """Prepare the group that ``/proc/self/cgroup`` names in `membership`, and return it.

    Raises
    ------
    NoGroups
    """
    own = [line[4:] for line in membership.splitlines() if line.startswith("0::/")]
    if not own or not (tree / "cgroup.controllers").exists():
        raise NoGroups("this system does not use cgroup v2")
    group = tree / own[0]
    if group.name == _LEAF:  # where another grader has moved us
        group = group.parent
    try:
        controllers = (group / "cgroup.controllers").read_text().split()
        if not {"memory", "pids"} <= {*controllers} or not (group / "memory.max").exists():
            raise NoGroups("the group of this process has no memory controller")
        if group != tree and not _is_delegated(group):
            raise NoGroups("the group of this process is not delegated to it")
        leaf = group / _LEAF
        leaf.mkdir(exist_ok=True)
        for process in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                _write(leaf / "cgroup.procs", process)
        _write(group / "cgroup.subtree_control", "+memory +pids")
    except NoGroups:
        raise
    except OSError as error:
        raise NoGroups(f"the group of this process cannot be divided: {error.strerror}") from error
    return group


def _is_delegated(group: Path) -> bool:
    for name in ("user.delegate", "trusted.delegate"):  # systemd writes them
        with contextlib.suppress(OSError):
            if os.getxattr(group, name) == b"1":
                return True
    return False


class Group:
    """A group that holds the processes of one sandbox.

    Parameters
    ----------
    base : Path
        What `prepared` has returned.
    limits : Limits
    processes : list of int
        All processes of the sandbox. Student code does not run yet.

    Raises
    ------
    OSError
        If there can be none.
    """

    def __init__(self, base: Path, limits: Limits, processes: list[int]) -> None:
        self._folder = base / f"sandbox-{os.getpid()}-{next(_numbers)}"
        self._folder.mkdir()
        try:
            _write(self._folder / "memory.max", str(limits.memory_bytes))
            with contextlib.suppress(FileNotFoundError):  # where swap is not counted
                _write(self._folder / "memory.swap.max", "0")
            _write(self._folder / "memory.oom.group", "1")
            # The first process of a sandbox is bubblewrap's.
            _write(self._folder / "pids.max", str(limits.processes + 1))
            for process in processes:
                _write(self._folder / "cgroup.procs", str(process))
        except OSError:
            self.remove()
            raise

    def ran_out(self) -> bool:
        """Whether the kernel has ended it because it wanted too much memory."""
        with contextlib.suppress(OSError):
            events = (self._folder / "memory.events").read_text().split()
            return int(dict(zip(events[::2], events[1::2], strict=True)).get("oom_kill", 0)) > 0
        return False

    def remove(self) -> None:
        """Remove it, after the end of its processes."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def _write(path: Path, text: str) -> None:
    with open(path, "r+") as file:  # none is made where the kernel has none
        file.write(text)
