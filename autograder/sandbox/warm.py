"""Warm sandboxes: our end of a template, a sandbox that forks for each submission.

To start Python, IPython and what the given cells import takes longer than all else. A template has
done it once; each fork of it makes an inner sandbox of its own (``template.py`` says how), in which
student code finds what it finds in a sandbox that bubblewrap has made.

Where the kernel refuses sandboxes within a sandbox, bubblewrap makes each of them. Where a module
starts threads, which no fork would have, each submission imports what it needs.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from autograder.sandbox import bubblewrap, program, seccomp

_TEMPLATE = Path(__file__).with_name("template.py")
_PROGRAM = Path(program.__file__)
_START_SECONDS = 60
_ENDING_SECONDS = 2
_SCRATCH_BYTES = 10_000_000  # a template empties it before the first fork
_FORKS = 200  # of one template; the next one has another seed for hashes
_CREDENTIALS = struct.Struct("3i")  # process, user, group
COLD = (
    "each sandbox starts from nothing, which takes about half a second more for each submission, "
    "because none can be forked here: {}"
)
_KINDS = 3  # templates at a time: an assignment may have several notebooks


class SandboxLost(RuntimeError):
    """The template has ended, and so has everything in it: no fault of the submission."""


def in_the_way() -> str:
    """Why no fork could see the Python environment; empty if it can."""
    for path in bubblewrap.python_environment():
        if any(path.is_relative_to(folder) for folder in bubblewrap.OWN_SPACE):
            return f"{path} would lie below the scratch space of a fork"
    return ""


class Fork:
    """A sandbox within a template; the same interface as `bubblewrap.Bubblewrap`."""

    user = None  # `enter` in template.py has become the student already
    said = ""

    def __init__(self, template: Template, channel: int, scratch_bytes: int) -> None:
        self._template = template
        self._resources = contextlib.ExitStack()
        template.forks += 1
        template.alive += 1
        self._resources.callback(template.lose_a_fork)
        try:
            news, far_end = socket.socketpair()
            self._news = self._resources.enter_context(news)
            with far_end:
                news.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                news.settimeout(_START_SECONDS)
                size = str(scratch_bytes).encode()
                socket.send_fds(template.control, [size], [channel, far_end.fileno()])
            message, ancillary, _, _ = news.recvmsg(1_000, socket.CMSG_SPACE(_CREDENTIALS.size))
            if message and message != b"\0":
                raise bubblewrap.CannotStart(message.decode(errors="replace"))
            if not message:
                raise SandboxLost
            # The kernel says who has sent it, by the numbers that processes have here.
            self.pid, *_ = _CREDENTIALS.unpack(ancillary[0][2])
            self._init = os.pidfd_open(self.pid)
            self._resources.callback(os.close, self._init)
        except BaseException as error:
            self._resources.close()
            if isinstance(error, OSError):
                raise SandboxLost from error
            raise

    def usage(self) -> tuple[int, int]:
        """Return memory (bytes) and threads, see `bubblewrap.Bubblewrap.usage`."""
        return bubblewrap.usage_behind_walls(self.pid)

    def wait(self, seconds: float) -> int | None:
        """Return the exit code of the program if it ends within some seconds.

        Raises
        ------
        SandboxLost
            If it was ended together with its template.
        """
        code = None
        with contextlib.suppress(OSError):  # nothing arrived, or `kill` has closed it
            self._news.settimeout(seconds)
            code = self._news.recv(1)
        if code == b"" and self._template.has_ended():
            raise SandboxLost
        return code[0] if code else None

    def kill(self) -> None:
        """End every process of the sandbox; return when none is left."""
        bubblewrap.end(self._init)
        self._resources.close()


class Kind(NamedTuple):
    """What a template has for its forks: modules in the order of import, and files."""

    modules: tuple[str, ...]
    hidden: tuple[Path, ...]  # see `bubblewrap.Bubblewrap`
    files: tuple[tuple[str, bytes], ...]
    fonts: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(
        cls,
        modules: Sequence[str],
        hidden: Sequence[Path],
        files: Mapping[str, bytes],
        fonts: Mapping[str, bytes],
    ) -> Kind:
        return cls(tuple(modules), tuple(hidden), tuple(files.items()), tuple(fonts.items()))


class Template:
    """A sandbox in which modules are loaded, and which forks.

    Raises
    ------
    CannotStart
    """

    def __init__(self, kind: Kind) -> None:
        if reason := in_the_way():
            raise bubblewrap.CannotStart(reason)
        self.forks = 0
        self.alive = 0
        self._retired = False
        self._resources = contextlib.ExitStack()
        self.control, far_end = socket.socketpair()
        self._resources.callback(self.control.close)
        try:
            with far_end:
                self._sandbox = bubblewrap.Bubblewrap(
                    *(_TEMPLATE, far_end.fileno(), _SCRATCH_BYTES, kind.hidden, [_PROGRAM]),
                    builds_walls=True,
                )
            self._resources.callback(self._sandbox.kill)
            self.control.settimeout(_START_SECONDS)
            channel = program.Channel(self.control)
            channel.send(
                {
                    "modules": kind.modules,
                    "files": program.as_base64(dict(kind.files)),
                    "matplotlib_cache": program.as_base64(dict(kind.fonts)),
                    "packages": [str(folder) for folder in bubblewrap.package_folders()],
                    "scratch": bubblewrap.SCRATCH,
                    "own_space": bubblewrap.OWN_SPACE,
                    "user": self._sandbox.user,
                    "rules": base64.b64encode(seccomp.program()).decode(),
                }
            )
            answer = channel.receive()
            if "failed" in answer:
                raise bubblewrap.CannotStart(answer["failed"])
        except BaseException as error:
            self._resources.close()
            if isinstance(error, OSError | EOFError):
                raise bubblewrap.CannotStart(self._sandbox.said or str(error)) from error
            raise

    def has_ended(self) -> bool:
        """Whether its sandbox has ended, or does so within a moment."""
        return self._sandbox.wait(_ENDING_SECONDS) is not None

    def lose_a_fork(self) -> None:
        """One fork less; the last one of a retired template closes it."""
        self.alive -= 1
        if self._retired and not self.alive:
            self._resources.close()

    def retire(self) -> None:
        """Close the template when none of its forks is in use."""
        self._retired = True
        if not self.alive:
            self._resources.close()


class _Templates:
    """The templates of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # a worker may have several threads
        self._kept: dict[Kind, Template] = {}
        self._bare: set[Kind] = set()  # kinds whose modules cannot be loaded before a fork
        self.refusal = ""  # why there can be none

    def fork(self, channel: int, scratch_bytes: int, kind: Kind) -> Fork | None:
        """Return a fork of a template; None if there can be no templates here."""
        with self._lock:
            for _ in range(3):  # a template may have ended, or may have to do without modules
                if self.refusal:
                    return None
                if kind in self._bare:
                    kind = kind._replace(modules=())
                template = self._kept.pop(kind, None)
                if template and template.forks >= _FORKS:
                    template.retire()
                    template = None
                while len(self._kept) >= _KINDS:
                    self._kept.pop(next(iter(self._kept))).retire()
                try:
                    template = template or Template(kind)
                    fork = Fork(template, channel, scratch_bytes)
                except (bubblewrap.CannotStart, SandboxLost) as error:
                    if template:
                        template.retire()
                    if isinstance(error, SandboxLost):
                        continue
                    if kind.modules:
                        self._bare.add(kind)
                    else:
                        self.refusal = str(error)
                else:
                    self._kept[kind] = template  # as the youngest
                    return fork
        return None

    def close(self) -> None:
        """End the templates that are not in use, and the others after their last fork."""
        while self._kept:
            self._kept.popitem()[1].retire()


templates = _Templates()
atexit.register(templates.close)
