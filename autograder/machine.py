"""What this machine has for sandboxes, and what processes use of it."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HOW_TO_INSTALL = "sudo apt-get install bubblewrap"
HOW_TO_ALLOW = """\
Debian: sudo sysctl kernel.unprivileged_userns_clone=1
Ubuntu 24.04 and newer: the AppArmor profile bwrap-userns-restrict (package apparmor-profiles),
    or sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
in Docker or Podman: the options that docs/containers.md names
`python -m autograder doctor` says what is missing"""
"""What to do where no sandbox can be made."""
_CORE_LOCK = "\0autograder-core-"  # an abstract name, which is no file
_GROUP = Path("/sys/fs/cgroup")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_MAPPING_BYTES = 400  # of the kernel's memory
_MAPPINGS_READ, _MAPPINGS_MOST = 3_000, 65_530  # vm.max_map_count


class Usage(NamedTuple):
    """What processes use: bytes, threads, and seconds of processor time, ended children's too."""

    memory: int
    threads: int
    seconds: float


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


def take_core(resources: contextlib.ExitStack) -> int:
    """Return a core that no other sandbox has, or any; a Unix socket is the lock."""
    cores = sorted(os.sched_getaffinity(0))
    first = os.getpid() % len(cores)
    for core in cores[first:] + cores[:first]:
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"{_CORE_LOCK}{core}")
        except OSError:
            lock.close()
        else:
            resources.callback(lock.close)
            return core
    return cores[first]


def usage_of(process: int) -> Usage:
    """What one process uses; nothing if it has ended meanwhile."""
    with contextlib.suppress(OSError, KeyError):
        lines = Path(f"/proc/{process}/status").read_text(errors="replace").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        memory = sum(
            int(fields[name].split()[0]) * 1024
            for name in ("VmRSS", "VmSwap", "VmPTE")
            if name in fields  # a process that is ending has none
        )
        with contextlib.suppress(OSError):
            memory += _mappings(process) * _MAPPING_BYTES
        times = Path(f"/proc/{process}/stat").read_bytes().rpartition(b") ")[2].split()[11:15]
        return Usage(memory, int(fields["Threads"]), sum(map(int, times)) / _TICKS)
    return Usage(0, 0, 0.0)


def _mappings(process: int) -> int:
    """Number of mappings; where there are very many, the largest possible number."""
    count = 0
    with open(f"/proc/{process}/maps", "rb") as file:
        while part := file.read(2**16):
            count += part.count(b"\n")
            if count > _MAPPINGS_READ:
                return _MAPPINGS_MOST
    return count


def descent(pid: int) -> Iterator[int]:
    """Numbers of a process and its descendants."""
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        yield process
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                children = Path(f"/proc/{process}/task/{thread}/children").read_text()
                waiting += map(int, children.split())
