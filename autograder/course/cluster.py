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
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import cloudpickle
import dask
from distributed import Client, KilledWorker, Scheduler, Worker, WorkerPlugin

from autograder.course.folder import CourseError
from autograder.course.workers import Workers, WorkersLost

_PROJECT = Path(__file__).resolve().parents[2]
# Dask remembers the last 1,000 messages of each connection, with the submissions in them.
_FEW_MESSAGES = {"distributed.admin.low-level-log-length": 10}
_START_A_WORKER = "python -m dask worker {scheduler} --nthreads 1"


@contextlib.contextmanager
def cluster_workers(scheduler: str, warn: Callable[[str], None]) -> Iterator[Workers]:
    """Use the workers of a running Dask cluster.

    A worker gets submissions only after it has shown that it has the same code and versions as
    this machine, and a sandbox. That goes for workers which join later as well.

    Parameters
    ----------
    scheduler : str
        Its address, ``tcp://HOST:8786`` or ``tls://HOST:8786``. Certificates come from Dask's own
        configuration.
    warn : callable
        Told in words which worker cannot be used, and why.

    Raises
    ------
    CourseError
        If there is no such scheduler, or no worker that can be used.
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
        check = Check(ENVIRONMENT, topic=f"autograder-{client.id}")
        warn_once = _once(warn)
        client.subscribe_topic(check.topic, lambda event: warn_once(event[1]))
        try:
            client.register_plugin(check, name=client.id)
            _require_a_worker(client, scheduler, warn_once)
            client.run_on_scheduler(_report_each_loss)
            yield Workers(
                make_executor=lambda: client.get_executor(pure=False, resources={check.token: 1}),
                count=lambda: _number_of_workers(client),
                loss=(KilledWorker,),
                revive=lambda: _revive(client),
            )
        finally:
            # The client may not know yet that the scheduler is gone, and the plugin with it.
            with contextlib.suppress(OSError):
                if client.status == "running":
                    client.unregister_worker_plugin(client.id)


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


class Check(WorkerPlugin):
    """Lets a worker take submissions if it is fit for them.

    Attributes
    ----------
    token : str
        The Dask resource that fit workers have. Submissions ask for it.
    topic : str
        Under which Dask passes on what a worker says.
    problem : str
        On a worker: why it is not fit; empty otherwise.
    """

    def __init__(self, expected: dict[str, str], topic: str) -> None:
        self._expected = expected
        self.topic = topic
        self.token = f"autograder-{'-'.join(expected.values())}"
        self.problem = ""

    async def setup(self, worker: Worker) -> None:
        self.problem = await asyncio.to_thread(self._look)
        await worker.set_resources(**{self.token: 0 if self.problem else 1})
        if self.problem:
            worker.log_event(self.topic, _not_used(worker.address, self.problem))

    def _look(self) -> str:
        try:
            from autograder.course import cluster
            from autograder.sandbox import process
        except ImportError as error:
            return (
                f"it cannot import the grader ({error}). Start it in the project's folder, with "
                "the packages of requirements-cluster.txt."
            )
        found = cluster.ENVIRONMENT
        differences = [
            f"{name} is {found.get(name)} there and {expected} here"
            for name, expected in self._expected.items()
            if found.get(name) != expected
        ]
        if differences:
            return f"{', '.join(differences)}. Install the same everywhere and start it again."
        try:
            process.check_sandbox()
        except process.SandboxUnavailable as error:
            return str(error)
        return ""


# The check arrives on a worker together with its code, since it is about what is missing there.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def _not_used(worker: str, problem: str) -> str:
    return f"{worker} is not used: {problem}"


def _once(warn: Callable[[str], None]) -> Callable[[str], None]:
    """Pass each text on a single time, from whichever thread it comes."""
    told: set[str] = set()
    lock = threading.Lock()

    def warn_once(text: str) -> None:
        with lock:
            if text not in told:
                told.add(text)
                warn(text)

    return warn_once


def _require_a_worker(client: Client, scheduler: str, warn: Callable[[str], None]) -> None:
    name = client.id
    problems = client.run(lambda dask_worker: dask_worker.plugins[name].problem)
    for worker, problem in problems.items():
        if problem:  # the worker says so, too, but may not be heard before this run ends
            warn(_not_used(worker, problem))
    if not problems:
        raise CourseError(
            f"No worker is connected to {scheduler}. Start one in the project's folder with: "
            + _START_A_WORKER.format(scheduler=scheduler)
        )
    if all(problems.values()):
        raise CourseError(f"None of the {len(problems)} workers at {scheduler} can be used.")


def _report_each_loss(dask_scheduler: Scheduler) -> None:
    """Let the scheduler not hand out again what a lost worker had: the batch does, one at a time.

    By default it tries four times, and as nobody can tell whose fault it was, one submission
    takes those along that wait at the same worker.
    """
    dask_scheduler.allowed_failures = 0


def _revive(client: Client) -> None:
    with contextlib.suppress(OSError):  # without a scheduler the results say so
        client.run_on_scheduler(_look_again)


def _look_again(dask_scheduler: Scheduler) -> None:
    """Let the scheduler hand out what found no fit worker.

    It looks again when a worker joins, but our check comes only after that and says it is fit.
    """
    waiting = {task.key: "processing" for task in dask_scheduler.unrunnable}
    dask_scheduler.transitions(waiting, stimulus_id="autograder-look-again")


def _number_of_workers(client: Client) -> int:
    try:
        return max(1, len(client.nthreads()))  # if there is none now, there will be one again
    except OSError as error:
        raise WorkersLost from error


def _anyone_can_listen(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "tls":
        return False
    with contextlib.suppress(ValueError):
        return not ipaddress.ip_address(parts.hostname or "").is_loopback
    return parts.hostname != "localhost"
