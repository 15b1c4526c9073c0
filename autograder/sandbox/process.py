"""Run student code in a process of its own, inside a bubblewrap sandbox.

It has namespaces without a network, a file system with the Python environment alone, no rights, a
list of system calls, limits that the kernel keeps, and a grader that looks at its time and memory
while it waits and checks all that arrives. docs/design.md says what this does not cover.
"""

import contextlib
import dataclasses
import json
import math
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np

from autograder.limits import MEGABYTE, Limits
from autograder.outputs import Malformed, decode_outputs
from autograder.sandbox import fork_server, program, protocol
from autograder.sandbox.sandbox import (
    NOTHING,
    Profile,
    Sandbox,
    SandboxLost,
    SandboxUnavailable,
    free_memory,
)

START_SECONDS = 60
WALL_FACTOR = 4
"""How much longer than its processor time a cell or a call may take."""
_ENDING_SECONDS = 2  # for a process to end that has closed its side of the socket
_LOOK_SECONDS = 0.2  # between two looks at the memory of a sandbox


class ProcessDied(RuntimeError):
    """The student's process is gone; the message says why, in words for the student."""


class TimedOut(ProcessDied):
    """The process was ended because its code ran longer than it may."""


@dataclasses.dataclass(eq=False)
class StudentError(Exception):
    """Student code raised an error; `undefined` is the name that a NameError is about."""

    type_name: str
    message: str
    frames: list[tuple[int, str]]  # numbers and text of the student's lines, innermost last
    undefined: str = ""

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}"


class CellResult(NamedTuple):
    """What a cell showed (nbformat 4 outputs), whether it failed, and the name it missed."""

    outputs: list[dict]
    failed: bool
    undefined: str = ""


class StudentProcess:
    """A Python process for the code of one submission; `printed` is what the last call printed.

    All methods raise `SandboxLost` if something outside has ended the process, or if the machine
    runs out of memory and no process uses more than this one.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        limits: Limits,
        profile: Profile = NOTHING,
        seconds: float = START_SECONDS,
    ) -> None:
        self.limits = limits
        self.printed = ""
        self.deadline = math.inf  # of time.monotonic(), when it is ended, whatever it does
        self._requests = 0
        self._sandbox: Sandbox | None = None
        self._next_look = math.inf  # until then the scratch space need not exist
        self._resources = contextlib.ExitStack()
        deadline = time.monotonic() + seconds
        _wait_for_memory(deadline)
        try:
            self._channel, far_end = socket.socketpair()
            self._resources.callback(self._channel.close)
            self._channel.settimeout(max(seconds, 0.001))
            self._sandbox = fork_server.fork_servers.sandbox(
                self._channel, far_end, limits.scratch_bytes, profile
            )
            self._resources.callback(self._sandbox.kill)
            # Sockets in the machine's network cannot be counted: there may be fewer.
            descriptors = 64 if profile.network else 128
            settings = {
                "files": program.as_base64(dict(files.items() - set(profile.files))),
                "modules": profile.modules,
                "limits": {**dataclasses.asdict(limits), "descriptors": descriptors},
            }
            self._send(settings, deadline)
            if "failed" in (answer := self._receive(deadline)):
                raise SandboxUnavailable(answer["failed"])
        except BaseException as error:
            self.close()
            if isinstance(error, ProcessDied | TimeoutError | Malformed):
                raise SandboxUnavailable(self._sandbox.stderr or str(error)) from error
            raise
        self._next_look = 0.0

    def run_cell(self, source: str, seconds: float, interrupt_after: float = 0) -> CellResult:
        """Run a cell as a notebook does, or raise `ProcessDied` if it passed a limit.

        It has `seconds` of processor time, and is interrupted after `interrupt_after` if not 0.
        """
        with self._ask(seconds, do="run", source=source, interrupt_after=interrupt_after) as answer:
            match answer:
                case {"failed": bool(failed), "outputs": outputs}:
                    name = protocol.decode_name(answer.get("undefined"))
                    return CellResult(decode_outputs(outputs, self.limits), failed, name)
            raise Malformed("an answer that is neither success nor failure")

    def call(
        self,
        function: str,
        arguments: list,
        seconds: float,
        keywords: Mapping[str, Any] = MappingProxyType({}),
        seed: int | None = None,
    ) -> Any:
        """Call a function with plain data; return plain data, or raise `StudentError`.

        TypeError says that an argument is no plain data. What the function changes in a list,
        dictionary or array is changed here, too. A `seed` goes to the generators of random numbers.
        """
        sent = [protocol.encode(value, self.limits) for value in arguments]
        named = {name: protocol.encode(value, self.limits) for name, value in keywords.items()}
        request = {"function": function, "arguments": sent, "keywords": named, "seed": seed}
        with self._ask(seconds, do="call", **request) as answer:
            if "error" in answer:
                raise StudentError(*protocol.decode_error(answer["error"]))
            value = protocol.decode(answer.get("value"), self.limits)
            changed = protocol.decode(answer.get("arguments"), self.limits)
            if type(changed) is not list or len(changed) != len(arguments):
                raise Malformed("not as many arguments as were sent")
            shown = decode_outputs(answer.get("outputs"), self.limits)
        self.printed = "".join(one["text"] for one in shown if one.get("name") == "stdout")
        for argument, new in zip(arguments, changed, strict=True):
            _mirror(argument, new)
        return value

    def read(self, cells: list[dict], limits: Mapping[str, int], seconds: float) -> dict:
        """Let a process that has not run any cell read some; what it answers is not checked."""
        with self._ask(seconds, do="read", cells=cells, limits=limits) as answer:
            return answer

    def functions(self, seconds: float) -> set[str]:
        """Names of what the student's code defines and can be called."""
        with self._ask(seconds, do="functions") as answer:
            if type(names := answer.get("answer")) is not list:
                raise Malformed("no list of names")
            return {name for name in names if type(name) is str}

    def close(self, *_: object) -> None:
        """End every process of the submission; return when none is left."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    __exit__ = close

    @contextlib.contextmanager
    def _ask(self, seconds: float, **request: object) -> Iterator[dict]:
        """Yield the answer to a request; what is found wrong with it ends the process."""
        self._requests += 1
        self._seconds = seconds
        self._started = time.monotonic()
        self._seconds_before: float | None = None  # processor time before this request
        deadline = min(self._started + WALL_FACTOR * seconds, self.deadline)
        try:
            self._send({"id": self._requests, **request}, deadline)
            answer = self._receive(deadline)
            if answer.get("id") != self._requests:
                raise Malformed("an answer to something that was not asked")
            yield answer
        except TimeoutError:
            self.close()
            reason = f"this code ran longer than {round(seconds, 1):g} s and was stopped"
            raise TimedOut(reason) from None
        except Malformed as error:
            self._die(f"the process sent what no notebook sends: {error}")

    def _send(self, message: dict, deadline: float) -> None:
        left = memoryview(json.dumps(message).encode() + b"\n")
        while left:
            with self._waiting(deadline):
                left = left[self._channel.send(left) :]

    def _receive(self, deadline: float) -> dict:
        data = bytearray()
        while not data.endswith(b"\n"):
            with self._waiting(deadline):
                part = self._channel.recv(2**16)
                if not part:
                    raise ConnectionResetError
                data += part
            if len(data) > self.limits.message_bytes:
                self._die(f"the process sent more than {len(data)} bytes at once")
        return protocol.parse(bytes(data), self.limits)

    @contextlib.contextmanager
    def _waiting(self, deadline: float) -> Iterator[None]:
        """Let the socket block for a moment at most; look at time and memory before."""
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError("no answer in time")
        if now > self._next_look:
            self._next_look = now + _LOOK_SECONDS
            self._look(now)
        try:
            self._channel.settimeout(max(min(_LOOK_SECONDS, deadline - now), 0.001))
            yield
        except TimeoutError:
            pass
        except OSError:
            self._die(_how_it_ended(self._sandbox.wait(_ENDING_SECONDS)))

    def _look(self, now: float) -> None:
        """End the process if it uses too much of anything."""
        memory, threads, seconds = self._sandbox.usage()
        if self._seconds_before is None:
            self._seconds_before = max(seconds - (now - self._started), 0)
        if seconds - self._seconds_before > self._seconds:
            raise TimeoutError
        if memory > self.limits.memory_bytes:
            megabytes = self.limits.memory_bytes // MEGABYTE
            self._die(f"this code used more than {megabytes} MB of memory and was stopped")
        if threads - 1 > self.limits.processes:  # the first process is ours
            self._die(f"this code ran more than {self.limits.processes} processes at a time")
        if threads > 2:  # so that no neighbour has to wait for more than one of them
            self._sandbox.pin()
        free, floor = free_memory()
        if free < floor and self._sandbox.is_largest():
            self.close()
            raise SandboxLost(
                f"this machine has only {free // MEGABYTE} MB of memory left, and this submission "
                f"used the most of it ({memory // MEGABYTE} MB), so it was stopped"
            )

    def _die(self, reason: str) -> NoReturn:
        self.close()
        raise ProcessDied(reason)


def check_sandbox() -> str:
    """Start a process in a sandbox and end it; returns why it cannot be forked, if so.

    `SandboxUnavailable` says what to do.
    """
    with StudentProcess({}, Limits()):
        return fork_server.fork_servers.refusal


def _wait_for_memory(deadline: float) -> None:
    """Start nothing while the machine has too little memory."""
    while (memory := free_memory())[0] < memory[1]:
        if time.monotonic() > deadline:
            free, floor = memory
            raise SandboxLost(
                f"this machine has only {free // MEGABYTE} MB of memory left; a sandbox starts "
                f"where there are {floor // MEGABYTE} MB"
            )
        time.sleep(_LOOK_SECONDS)


def _mirror(argument: Any, new: Any) -> None:
    """Make of an argument what the student's function has made of it."""
    if type(argument) is list:
        # A placeholder where a list was: it became too large, or contains itself.
        argument[:] = new if type(new) is list else [new]
    elif type(argument) is dict and type(new) is dict:
        argument.clear()
        argument.update(new)
    elif type(argument) is type(new) is np.ndarray and (
        (argument.shape, argument.dtype) == (new.shape, new.dtype)
    ):
        argument[...] = new


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is None:
        return "this code closed the connection to the grader"
    # bubblewrap reports the signal that ended the program as 128 + its number.
    number = -exit_code if exit_code < 0 else exit_code - 128
    with contextlib.suppress(ValueError):
        name = signal.Signals(number).name
        return f"the Python process of this code was ended by a signal ({name})"
    return f"this code ended its Python process (exit code {exit_code})"
