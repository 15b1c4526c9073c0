"""What every sandbox has, however it was made: a first process, a core, and what it uses."""

import contextlib
import itertools
import multiprocessing
import os
import pkgutil
import select
import signal
import socket
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from autograder.sandbox import program
from autograder.text import UserError

TABLE = tomllib.loads(pkgutil.get_data(__name__, "bubblewrap.toml").decode())
HOW_TO_INSTALL, HOW_TO_ALLOW = TABLE["advice"]["install"], TABLE["advice"]["allow"]
"""What to do where no sandbox can be made."""
# What the kernel needs for one of these (bytes). docs/design.md says where the numbers are from.
_FILE_BYTES = 1_300
_SOCKET_BYTES = 2 * 212_992
_MAPPING_BYTES = 400
_MAPPINGS_READ, _MAPPINGS_MOST = 3_000, 65_530  # vm.max_map_count
_CORE_LOCK = "\0autograder-core-"  # an abstract name, which is no file
_GROUP = Path("/sys/fs/cgroup")
_STUDENT_SCORE = f"{program.STUDENT_SCORE}\n"
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class SandboxUnavailable(UserError):
    """There is no sandbox, for a reason that bubblewrap or the kernel said; and what to do."""

    def __init__(self, reason: str, advice: str = HOW_TO_ALLOW) -> None:
        text = f"Student code runs in a sandbox, and there is none: {reason}\n{advice}"
        super().__init__(text)
        self.reason, self.advice = reason, advice

    def __reduce__(self) -> tuple[type, tuple[str, str]]:  # workers raise it, too
        return type(self), (self.reason, self.advice)


class SandboxLost(RuntimeError):
    """Something outside has ended a sandbox: no fault of the submission."""


class Profile(NamedTuple):
    """What a sandbox has before a submission: modules in the order of import, and files."""

    modules: tuple[str, ...] = ()
    font_cache: tuple[tuple[str, str], ...] = ()  # files of Matplotlib, in base64
    hidden: tuple[Path, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    reader: str = ""
    network: bool = False  # that of this machine


NOTHING = Profile()


class Usage(NamedTuple):
    """What processes use: bytes, threads, and seconds of processor time, ended children's too."""

    memory: int
    threads: int
    seconds: float


class Sandbox:
    """A sandbox with a first process (`pid`), which ends after all others."""

    network = False
    stderr = ""  # of the program that makes the sandbox, known after `kill`

    def __init__(self) -> None:
        self._resources = contextlib.ExitStack()
        self._first: int | None = None
        self._core: int | None = None

    def _found(self, pid: int) -> None:
        self.pid = pid
        self._first = os.pidfd_open(pid)
        self._resources.callback(os.close, self._first)
        self._memory_of_first = _usage_of(pid).memory  # it waits for the others

    def pin(self) -> None:
        """Keep all threads on one core, which is their own if one is free."""
        if self._core is None:
            self._core = _take_core(self._resources)
        for process in _descent(self.pid):
            with contextlib.suppress(OSError):  # threads come and go
                for thread in os.listdir(f"/proc/{process}/task"):
                    os.sched_setaffinity(int(thread), {self._core})

    def usage(self) -> Usage:
        """Return what is in use now."""
        found = [_usage_of(process) for process in _descent(self.pid)]
        memory, threads, seconds = map(sum, zip(*found, strict=True))
        memory -= self._memory_of_first
        for folder in program.MEMORY_FOLDERS:
            with contextlib.suppress(OSError):
                space = os.statvfs(f"/proc/{self.pid}/root{folder}")
                memory += (space.f_blocks - space.f_bfree) * space.f_frsize
                memory += (space.f_files - space.f_ffree) * _FILE_BYTES
        if not self.network:  # which shows those of others as well
            with contextlib.suppress(OSError), open(f"/proc/{self.pid}/net/unix", "rb") as sockets:
                memory += (sum(1 for _ in sockets) - 1) * _SOCKET_BYTES  # below a headline
        return Usage(memory, threads, seconds)

    def is_largest(self) -> bool:
        """Whether no other sandbox of these workers uses more memory."""
        parent = multiprocessing.parent_process()
        sizes: Counter[str] = Counter()
        for process in _descent(parent.pid if parent else os.getpid()):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{process}/oom_score_adj").read_text() == _STUDENT_SCORE:
                    sizes[os.readlink(f"/proc/{process}/ns/pid")] += _usage_of(process).memory
        own = {os.readlink(f"/proc/{process}/ns/pid") for process in _descent(self.pid)}
        return not sizes or max(sizes, key=sizes.get) in own

    def kill(self) -> None:
        """End every process; the first one ends only after the kernel has ended all others."""
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            poll = select.poll()
            poll.register(self._first, select.POLLIN)
            poll.poll()
            self._first = None
        self._resources.close()


def free_memory() -> tuple[int, int]:
    """Return the free memory of this machine, or of this container, and what must stay free."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    fields = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    free, total = fields["MemAvailable"], fields["MemTotal"]
    with contextlib.suppress(OSError, ValueError):  # no control group, or one without a limit
        limit = int((_GROUP / "memory.max").read_text())
        cached = dict(map(str.split, (_GROUP / "memory.stat").read_text().splitlines()))
        used = int((_GROUP / "memory.current").read_text()) - int(cached["inactive_file"])
        free, total = min(free, limit - used), min(total, limit)
    return free, total // 8


def _take_core(resources: contextlib.ExitStack) -> int:
    """Return a core that no other sandbox has, or any; a Unix socket is the lock."""
    cores = sorted(os.sched_getaffinity(0))
    first = os.getpid() % len(cores)
    for core in cores[first:] + cores[:first]:
        lock = resources.enter_context(socket.socket(socket.AF_UNIX))
        with contextlib.suppress(OSError):
            lock.bind(f"{_CORE_LOCK}{core}")
            return core
    return cores[first]


def _usage_of(process: int) -> Usage:
    """What one process uses; nothing if it has ended meanwhile."""
    with contextlib.suppress(OSError, KeyError):
        lines = Path(f"/proc/{process}/status").read_text(errors="replace").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        counted = [fields[name] for name in ("VmRSS", "VmSwap", "VmPTE") if name in fields]
        memory = sum(int(size.split()[0]) * 1024 for size in counted)  # none if it is ending
        with contextlib.suppress(OSError), open(f"/proc/{process}/maps", "rb") as mappings:
            count = sum(1 for _ in itertools.islice(mappings, _MAPPINGS_READ))
            memory += (count if count < _MAPPINGS_READ else _MAPPINGS_MOST) * _MAPPING_BYTES
        times = Path(f"/proc/{process}/stat").read_bytes().rpartition(b") ")[2].split()[11:15]
        return Usage(memory, int(fields["Threads"]), sum(map(int, times)) / _TICKS)
    return Usage(0, 0, 0.0)


def _descent(pid: int) -> Iterator[int]:
    """Numbers of a process and its descendants."""
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        yield process
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                children = Path(f"/proc/{process}/task/{thread}/children").read_text()
                waiting += map(int, children.split())
