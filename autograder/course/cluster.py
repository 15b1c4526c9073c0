"""Grade on the workers of a Dask cluster, which share neither files nor database with us.

Whoever can reach the scheduler of a Dask cluster can run code on all its machines. Scheduler and
workers therefore belong behind a firewall, or use TLS; see ``docs/scale.md``.

What travels is pickled, as everything is that Dask moves between its machines: the submission as
bytes, the assignment, and the result as our own dataclasses and notebook nodes. What a student
wrote is in there as plain strings. No machine of the cluster unpickles what student code made.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import logging
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import cloudpickle
import dask
from distributed import Client, KilledWorker, Scheduler, Worker

from autograder.course.folder import CourseError
from autograder.course.workers import Workers, WorkersLost

_PROJECT = Path(__file__).resolve().parents[2]
# Dask remembers the last 1,000 messages of each connection, with the submissions in them.
_FEW_MESSAGES = {"distributed.admin.low-level-log-length": 10}


@contextlib.contextmanager
def cluster_workers(scheduler: str, warn: Callable[[str], None]) -> Iterator[Workers]:
    """Use the workers of a running Dask cluster.

    A worker gets submissions only after it has shown that it has the same code and versions as
    this machine, and a sandbox. That goes for workers which join later as well.
    """
    if _anyone_can_listen(scheduler):
        warn(
            f"WARNING: {scheduler} is neither encrypted nor restricted to those who have a "
            "certificate. Whoever reaches it can run code on your machines. Use tls://."
        )
    # Dask would print how it tries in vain to reach a lost scheduler; we say it in one sentence.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        with dask.config.set(_FEW_MESSAGES):
            client = Client(scheduler, name="autograder", set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without certificates
        raise CourseError(
            f"There is no Dask scheduler at {scheduler}: {error}\n"
            "Start one with: python -m dask scheduler"
        ) from error
    with client:
        client.run_on_scheduler(_report_each_loss)
        checked: dict[str, str] = {}

        def count() -> int:
            try:
                return _check_new_workers(client, checked, warn)
            except OSError as error:
                raise WorkersLost from error

        count()
        if not checked:
            raise CourseError(
                f"No worker is connected to {scheduler}. Start one in the project's folder with: "
                f"python -m dask worker {scheduler} --nthreads 1"
            )
        if all(checked.values()):
            raise CourseError(f"None of the {len(checked)} workers at {scheduler} can be used.")
        yield Workers(
            make_executor=lambda: client.get_executor(pure=False, resources={_TOKEN: 1}),
            count=count,
            loss=(KilledWorker,),
        )


def _environment() -> dict[str, str]:
    code = hashlib.sha256()
    for path in sorted(_PROJECT.glob("autograder/**/*.py")):
        code.update(path.relative_to(_PROJECT).as_posix().encode() + path.read_bytes())
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: version(name) for name in ("numpy", "ipython", "nbformat")},
        "the grader's code": code.hexdigest()[:12],
    }


ENVIRONMENT = _environment()
"""What must be the same on all machines, so that all submissions are graded alike."""
_TOKEN = f"autograder-{'-'.join(ENVIRONMENT.values())}"  # a resource that usable workers have
# `_prepare` goes to a worker together with its code, since it is about what is missing there.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def _check_new_workers(client: Client, checked: dict[str, str], warn: Callable) -> int:
    """Let workers that have joined show what they have; returns how many there are, 1 at least."""
    workers = client.nthreads()
    if new := [address for address in workers if address not in checked]:
        for address, problem in client.run(
            _prepare, expected=ENVIRONMENT, token=_TOKEN, workers=new, on_error="ignore"
        ).items():
            checked[address] = problem
            if problem:
                warn(f"{address} is not used: {problem}")
        client.run_on_scheduler(_look_again)
    return max(1, len(workers))


async def _prepare(dask_worker: Worker, expected: dict[str, str], token: str) -> str:
    """On a worker: let it take submissions if it can be used; returns why not, or nothing."""
    problem = await asyncio.to_thread(_problem, expected)
    await dask_worker.set_resources(**{token: 0 if problem else 1})
    return problem


def _problem(expected: dict[str, str]) -> str:
    try:
        from autograder.course import cluster
        from autograder.sandbox import process
    except ImportError as error:
        return (
            f"it cannot import the grader ({error}). Start it in the project's folder, with the "
            "packages of requirements-cluster.txt."
        )
    differences = [
        f"{name} is {cluster.ENVIRONMENT.get(name)} there and {value} here"
        for name, value in expected.items()
        if cluster.ENVIRONMENT.get(name) != value
    ]
    if differences:
        return f"{', '.join(differences)}. Install the same everywhere and start it again."
    try:
        process.check_sandbox()
    except process.SandboxUnavailable as error:
        return str(error)
    return ""


def _report_each_loss(dask_scheduler: Scheduler) -> None:
    """Let the scheduler not hand out again what a lost worker had: `Pool` does, one at a time.

    By default it tries four times, and as nobody can tell whose fault it was, one submission
    takes those along that wait at the same worker.
    """
    dask_scheduler.allowed_failures = 0


def _look_again(dask_scheduler: Scheduler) -> None:
    """Let the scheduler hand out what waits for a worker that can be used.

    It looks when a worker joins, but only after that we know whether it can be used.
    """
    waiting = {task.key: "processing" for task in dask_scheduler.unrunnable}
    dask_scheduler.transitions(waiting, stimulus_id="autograder-look-again")


def _anyone_can_listen(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "tls":
        return False
    with contextlib.suppress(ValueError):
        return not ipaddress.ip_address(parts.hostname or "").is_loopback
    return parts.hostname != "localhost"
