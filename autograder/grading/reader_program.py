"""The process behind `reader`: it answers each line of its input with one line.

It imports nothing but the standard library, our look for side effects, and the module that checks
the rules, which is one of the assignment's own public files. Student code is parsed only in a fork
of it, which has the limits below.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

_MEMORY_BYTES = 250_000_000  # on top of what the helper has
_CPU_SECONDS = 2
_WALL_SECONDS = 10  # many forks may share a processor
_ANSWER_BYTES = 2_000_000
_TOO_MUCH = (
    f"to read the code takes more than {_CPU_SECONDS} seconds or {_MEMORY_BYTES // 1_000_000} MB"
)


def main() -> None:
    """Load the check that the first line names, and answer the lines that follow."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the check prints is no answer
    settings = json.loads(sys.stdin.buffer.readline())
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from autograder.grading.idle import idle_cells
    from autograder.grading.inert import is_inert

    with tempfile.TemporaryDirectory(prefix="rules-") as folder:
        try:
            check = _load(settings["rules"], settings["files"], folder)
        except BaseException as error:
            check, ready = None, {"failed": f"{type(error).__name__}: {error}"}
        else:
            ready = {}
        if check:
            _try_out(check, settings["cells"])
    gc.collect()
    gc.freeze()  # a fork that looks for garbage would copy all of this
    _send(answers, ready)

    def look(question: dict) -> object:
        if "inert" in question:
            return [is_inert(source, functions) for source, functions in question["inert"]]
        if "idle" in question:
            return idle_cells(*question["idle"])
        return [
            [one.rule, check.RULES[one.rule], one.cell, one.line, one.message]
            for one in check.check_cells({"cells": question["check"]})
        ]

    for line in sys.stdin.buffer:
        _send(answers, _in_a_fork(look, line))


def _load(rules: str, files: dict[str, str], folder: str) -> object:
    """Import the module with the rules from the assignment's files."""
    for name, content in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(rules) if rules else None
    finally:
        sys.path.remove(folder)


def _try_out(check: object, cells: list[dict]) -> None:
    """Check our own notebook: what the check remembers of it, no fork has to find out.

    A check that fails will do so again in a fork, and be told there.
    """

    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(_CPU_SECONDS)
    with contextlib.suppress(Exception):
        check.check_cells({"cells": cells})
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _send(answers, answer: dict) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _in_a_fork(look, line: bytes) -> dict:
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _answer_and_exit(look, line, write_end)
    os.close(write_end)
    try:
        text = _read(read_end, time.monotonic() + _WALL_SECONDS)
    finally:
        os.close(read_end)
        os.kill(child, signal.SIGKILL)  # it is not waited for yet, so the number is its own
        os.waitpid(child, 0)
    try:
        return json.loads(text)
    except ValueError:
        return {"exceeded": _TOO_MUCH}


def _answer_and_exit(look, line: bytes, answers: int) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits = {
            resource.RLIMIT_AS: pages * resource.getpagesize() + _MEMORY_BYTES,
            resource.RLIMIT_CPU: _CPU_SECONDS,
            resource.RLIMIT_CORE: 0,
        }
        for kind, most in limits.items():
            resource.setrlimit(kind, (most, most))
        try:
            answer = {"found": look(json.loads(line))}
        except MemoryError:
            answer = {"exceeded": _TOO_MUCH}
        except Exception as error:
            answer = {"exceeded": f"its check failed ({type(error).__name__})"}
        with os.fdopen(answers, "wb") as file:
            file.write(json.dumps(answer).encode())
    finally:
        os._exit(0)  # whatever happened: an answer that is cut off says that it is too much


def _read(descriptor: int, deadline: float) -> bytes:
    data = b""
    while len(data) <= _ANSWER_BYTES:
        if not select.select([descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
            return b""
        part = os.read(descriptor, 2**16)
        if not part:
            return data
        data += part
    return b""


if __name__ == "__main__":
    main()
