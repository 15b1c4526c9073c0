"""Run student code in a process of its own, inside a bubblewrap sandbox.

What keeps student code away from the grader
    - Namespaces of its own (user, process, network, IPC, host name, mount, cgroup), without a way
      to the network and without the right to make further ones.
    - A file system that holds the Python environment and the system's libraries, read-only, and
      scratch space in memory. No course folder, no home, nothing of /etc but what programs need to
      start. The environment variables are ours.
    - No privileges: as root, the sandbox's own set-up knows two users, and the student's process
      becomes the second one before any student code runs. Started by an ordinary user, it has that
      user's rights, but sees no file and no process of that user.
    - Limits that the kernel keeps for each process, and one on their number; a wall clock; and a
      look at the memory of all processes and of the scratch space, five times a second while the
      grader waits for an answer.
    - All that arrives is limited in size before it is read, and checked by ``protocol.py``.

What this does not cover
    - Bugs of the kernel or of bubblewrap. The filter in ``seccomp.py`` makes the part of the kernel
      that student code can reach smaller.
    - Where there is no control group (``cgroup.py``), memory taken in the fifth of a second between
      two looks. One process cannot pass the limit at all; several together can, for that long.
      Pipes and locks are not counted there; their number is that of file descriptors.
    - As root in a container without a second user, only that look keeps the limit on processes.
    - That the machine's load, and the files and paths of the Python environment, can be seen.
    - Where the grader is an ordinary user and the kernel lets the processes of a user read each
      other's memory, student code can take over bubblewrap's first process. That lives in the same
      sandbox; but it is the one that ends all others if the grader itself is killed by -9. Then
      only the limit on CPU time is left.

Why not a Jupyter kernel: its five ZeroMQ channels and their socket files would have to be shared
with the sandbox, the size of a message is known only when it is in memory, and it starts more
slowly. Why not a container engine: it needs a service, an image, and somebody who sets them up.
"""

import contextlib
import dataclasses
import functools
import json
import math
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np

from autograder.limits import MEGABYTE, Limits
from autograder.sandbox import bubblewrap, cgroup, program, protocol, warm
from autograder.text import UserError

_PROGRAM = Path(__file__).with_name("program.py")
START_SECONDS = 60
_THREADS_OF_BUBBLEWRAP = 1  # the first process of a sandbox is its own
_ENDING_SECONDS = 2  # for a process to end that has closed its side of the socket
_LOOK_SECONDS = 0.2  # between two looks at the memory of a sandbox
_HOW_TO_INSTALL = """\
Install it with: sudo apt-get install bubblewrap"""
_HOW_TO_ALLOW = """\
bubblewrap is installed, but it cannot make a sandbox here. What to do:
  - Ubuntu 24.04 and newer: allow it by an AppArmor profile for /usr/bin/bwrap (package
    apparmor-profiles, profile bwrap-userns-restrict), or allow it to all programs with
    sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
  - Debian: sudo sysctl kernel.unprivileged_userns_clone=1
  - in a container (Docker, Podman): see docs/containers.md
  - `python -m autograder doctor` says what is missing"""

_FIND_FONTS = """
import os, pathlib

def font_files():
    try:
        import matplotlib.font_manager
    except ImportError:
        return {}
    folder = pathlib.Path(os.environ["MPLCONFIGDIR"])
    return {path.name: path.read_text() for path in folder.glob("fontlist-*.json")}
"""

_FIND_MODULES = """
import os, sys

def installed_modules():
    specs = [(name, getattr(module, "__spec__", None)) for name, module in sys.modules.items()]
    return [
        name
        for name, spec in specs
        if spec is not None and spec.name == name and spec.has_location
        and not (spec.origin or "").startswith(os.getcwd())
    ]
"""


class SandboxUnavailable(UserError):
    """There is no sandbox on this machine; the message says how to get one."""


class ProcessDied(RuntimeError):
    """The student's process is gone; the message says why, in words for the student."""


class TimedOut(ProcessDied):
    """The process was ended because its code ran longer than it may."""


class StudentError(Exception):
    """Student code raised an error.

    Attributes
    ----------
    type_name, message : str
        The error's type and text.
    frames : list of (int, str)
        Line number and source line of the student's code, innermost last.
    undefined : str
        The name that a NameError is about; empty for any other error.
    """

    def __init__(
        self, type_name: str, message: str, frames: list[tuple[int, str]], undefined: str = ""
    ) -> None:
        super().__init__(f"{type_name}: {message}")
        self.type_name = type_name
        self.message = message
        self.frames = frames
        self.undefined = undefined


class CellResult(NamedTuple):
    """What a cell showed (nbformat 4 outputs), whether it failed, and the name it missed."""

    outputs: list[dict]
    failed: bool
    undefined: str = ""


class StudentProcess:
    """A Python process for the code of one submission.

    Parameters
    ----------
    files : mapping of str to bytes
        Files of the assignment, by name; they lie in the working directory of the process.
    limits : Limits
    hidden : sequence of Path
        Folders that must not be seen even if they lie inside the Python environment.
    modules : sequence of str
        What the process is likely to import; it may find it loaded.
    common : mapping of str to bytes
        Those of the `files` that other submissions have as well; the process may have them already.
    alone : bool
        There will be no other of its kind: without a template, and to look for fonts itself.
    seconds : float
        Time for the start.

    Raises
    ------
    SandboxUnavailable
        If the process does not start.
    SandboxLost
        By every method, if something outside has ended the process: see ``warm.py``.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        limits: Limits,
        hidden: Sequence[Path] = (),
        modules: Sequence[str] = (),
        common: Mapping[str, bytes] = MappingProxyType({}),
        alone: bool = False,
        seconds: float = START_SECONDS,
    ) -> None:
        fonts = {} if alone else _known_fonts()
        self.limits = limits
        self.printed = ""  # by the last call
        self._requests = 0
        self._next_look = math.inf  # until then the scratch space need not exist
        self._resources = contextlib.ExitStack()
        self._group: cgroup.Group | None = None
        try:
            self._channel, far_end = socket.socketpair()
            self._resources.callback(self._channel.close)
            with far_end:
                sizes = (far_end.fileno(), limits.scratch_bytes)
                kind = warm.Kind.of(modules, hidden, common, fonts)
                fork = None if alone else warm.templates.fork(*sizes, kind)
                self._process = fork or bubblewrap.Bubblewrap(_PROGRAM, *sizes, hidden)
                if fork:  # it has these already
                    files = {k: v for k, v in files.items() if common.get(k) != v}
                    fonts = {}
            self._resources.callback(self._leave_group)
            self._resources.callback(self._process.kill)
            settings = {
                "files": program.as_base64(files),
                "matplotlib_cache": program.as_base64(fonts),
                "limits": dataclasses.asdict(limits),
                "packages": [str(folder) for folder in bubblewrap.package_folders()],
                "scratch": bubblewrap.SCRATCH,
                "user": self._process.user,
            }
            deadline = time.monotonic() + seconds
            self._send(settings, deadline)
            answer = self._receive(deadline)
            if "failed" in answer:
                raise SandboxUnavailable(
                    f"Python does not start in the sandbox: {answer['failed']}\n"
                    "All users must be able to read it and its packages (chmod -R o+rX)."
                )
            self._join_group()
            self._next_look = 0.0
        except bubblewrap.CannotStart as error:
            self.close()
            raise SandboxUnavailable(_what_to_do(str(error))) from error
        except (ProcessDied, TimeoutError) as error:
            self.close()
            raise SandboxUnavailable(_what_to_do(self._process.said or str(error))) from error
        except BaseException:
            self.close()
            raise

    def _join_group(self) -> None:
        """Let the kernel count what the sandbox uses, where it does so for groups of processes."""
        base, _ = cgroup.in_force()
        if base is not None:
            with contextlib.suppress(OSError):  # then looking has to do
                processes = list(bubblewrap.descent(self._process.pid))
                self._group = cgroup.Group(base, self.limits, processes)

    def _leave_group(self) -> None:
        if self._group:
            self._group.remove()

    def run_cell(self, source: str, seconds: float) -> CellResult:
        """Run a cell as a notebook does.

        Raises
        ------
        ProcessDied
            If the cell took longer than `seconds`, passed a limit or ended the process. The object
            is closed then.
        """
        answer = self._ask(seconds, do="run", source=source)
        with self._checked():
            if type(answer.get("failed")) is not bool:
                raise protocol.Malformed("an answer that is neither success nor failure")
            outputs = protocol.decode_outputs(answer.get("outputs"), self.limits)
            undefined = protocol.decode_name(answer.get("undefined"))
        return CellResult(outputs, answer["failed"], undefined)

    def call(
        self,
        function_name: str,
        arguments: list,
        seconds: float,
        keywords: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of the student with plain data: what `protocol.decode` returns.

        What the function changes in a list, dictionary or array is changed here, too. What it
        prints is kept in `printed`.

        Returns
        -------
        value
            Plain data, see `protocol.decode`.

        Raises
        ------
        TypeError
            If an argument is no plain data, or too large.
        StudentError
            If the function raised an error or does not exist.
        ProcessDied
            As in `run_cell`.
        """
        answer = self._ask(
            seconds,
            do="call",
            function=function_name,
            arguments=[protocol.encode(argument, self.limits) for argument in arguments],
            keywords={
                name: protocol.encode(argument, self.limits)
                for name, argument in (keywords or {}).items()
            },
        )
        with self._checked():
            if "error" in answer:
                raise StudentError(*protocol.decode_error(answer["error"]))
            value = protocol.decode(answer.get("value"), self.limits)
            changed = protocol.decode(answer.get("arguments"), self.limits)
            if type(changed) is not list or len(changed) != len(arguments):
                raise protocol.Malformed("not as many arguments as were sent")
            shown = protocol.decode_outputs(answer.get("outputs"), self.limits)
        self.printed = "".join(one["text"] for one in shown if one.get("name") == "stdout")
        for argument, new in zip(arguments, changed, strict=True):
            if type(argument) is list:
                # A placeholder where a list was: it became too large, or contains itself.
                argument[:] = new if type(new) is list else [new]
            elif type(argument) is dict and type(new) is dict:
                argument.clear()
                argument.update(new)
            elif type(argument) is np.ndarray and _alike(argument, new):
                argument[...] = new
        return value

    def defines(self, name: str, seconds: float) -> bool:
        """Tell whether the student's code defines something callable of this name."""
        answer = self._ask(seconds, do="defines", name=name)
        with self._checked():
            if type(answer.get("answer")) is not bool:
                raise protocol.Malformed("neither yes nor no")
        return answer["answer"]

    def installed_modules(self) -> list[str]:
        """Names of the modules that are loaded, but not those of the assignment's own files."""
        self.run_cell(_FIND_MODULES, START_SECONDS)
        found = self.call("installed_modules", [], START_SECONDS)
        return [name for name in found if type(name) is str]

    def close(self) -> None:
        """End every process of the submission; return when none is left."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, seconds: float, **request: object) -> dict:
        self._requests += 1
        deadline = time.monotonic() + seconds
        try:
            self._send({"id": self._requests, **request}, deadline)
            answer = self._receive(deadline)
        except TimeoutError:
            self.close()
            raise TimedOut(
                f"this code ran longer than {round(seconds, 1):g} s and was stopped"
            ) from None
        if answer.get("id") != self._requests:
            self._die("the process sent an answer to something that was not asked")
        return answer

    def _send(self, message: dict, deadline: float) -> None:
        data = json.dumps(message).encode()
        left = memoryview(len(data).to_bytes(4, "big") + data)
        while left:
            with self._waiting(deadline):
                left = left[self._channel.send(left) :]

    def _receive(self, deadline: float) -> dict:
        size = int.from_bytes(self._read(4, deadline), "big")
        if size > self.limits.message_bytes:
            self._die(f"the process sent {size} bytes at once, more than is accepted")
        message = self._read(size, deadline)
        with self._checked():
            return protocol.parse(message, self.limits)

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            with self._waiting(deadline):
                part = self._channel.recv(min(size - len(data), 2**16))
                if not part:
                    raise ConnectionResetError
                data += part
        return bytes(data)

    @contextlib.contextmanager
    def _waiting(self, deadline: float) -> Iterator[None]:
        """Let the socket block for a moment at most; look at time and memory before."""
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError("no answer in time")
        if now > self._next_look:
            self._next_look = now + _LOOK_SECONDS
            memory, threads = self._process.usage()
            if memory > self.limits.memory_bytes:
                self._die(self._too_much_memory)
            if threads > self.limits.processes + _THREADS_OF_BUBBLEWRAP:
                self._die(f"this code ran more than {self.limits.processes} processes at a time")
        try:
            self._channel.settimeout(max(min(_LOOK_SECONDS, deadline - now), 0.001))
            yield
        except TimeoutError:
            pass
        except OSError:
            how = _how_it_ended(self._process.wait(_ENDING_SECONDS))
            ran_out = self._group is not None and self._group.ran_out()
            self._die(self._too_much_memory if ran_out else how)

    @property
    def _too_much_memory(self) -> str:
        megabytes = self.limits.memory_bytes // MEGABYTE
        return f"this code used more than {megabytes} MB of memory and was stopped"

    @contextlib.contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except protocol.Malformed as error:
            self._die(f"the process sent what no notebook sends: {error}")

    def _die(self, reason: str) -> NoReturn:
        self.close()
        raise ProcessDied(reason)


def check_sandbox() -> None:
    """Start a process in a sandbox and end it.

    Raises
    ------
    SandboxUnavailable
        If that is not possible, with a message that says what to do.
    """
    with StudentProcess({}, Limits()):
        pass


@functools.cache
def _known_fonts() -> dict[str, bytes]:
    """Let Matplotlib look for fonts once, in a sandbox in which no student code runs.

    It takes a third of the time in which Matplotlib is imported. The sandbox shows other fonts than
    the machine has.
    """
    with StudentProcess({}, Limits(), alone=True) as process:
        process.run_cell(_FIND_FONTS, START_SECONDS)
        files = process.call("font_files", [], START_SECONDS)
    # A list of very many fonts does not pass the gate; then matplotlib makes its own.
    return {name: content.encode() for name, content in files.items() if type(content) is str}


def _what_to_do(said: str) -> str:
    advice = _HOW_TO_INSTALL if shutil.which("bwrap") is None else _HOW_TO_ALLOW
    return f"Student code runs in a sandbox, and there is none: {said}\n{advice}"


def _alike(one: np.ndarray, other: Any) -> bool:
    return type(other) is np.ndarray and (one.shape, one.dtype) == (other.shape, other.dtype)


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is None:
        return "this code closed the connection to the grader"
    # bubblewrap reports the signal that ended the program as 128 + its number.
    number = -exit_code if exit_code < 0 else exit_code - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"this code ended its Python process (exit code {exit_code})"
    return f"the Python process of this code was ended by a signal ({name})"
