"""Grade on the workers of a Dask cluster, which share neither files nor database with us.

Whoever can reach the scheduler of a Dask cluster can run code on all its machines: it belongs
behind a firewall, or uses TLS; see ``docs/scale.md``, also for what travels.
"""

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
    """Use those workers of a running Dask cluster that have our code, versions and a sandbox.

    Workers that join later are used as well, after they have shown the same.
    """
    if _anyone_can_listen(scheduler):
        warn(
            f"WARNING: {scheduler} is neither encrypted nor restricted to those who have a "
            "certificate. Whoever reaches it can run code on your machines. Use tls://."
        )
    # Dask would print how it tries in vain to reach a lost scheduler; we say it in one sentence.
    for part in ("client", "batched"):
        logging.getLogger(f"distributed.{part}").setLevel(logging.CRITICAL)
    try:
        with dask.config.set(_FEW_MESSAGES):
            client = Client(scheduler, name="autograder", set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without certificates
        raise CourseError(
            f"There is no Dask scheduler at {scheduler}: {error}\n"
            "Start one with: python -m dask scheduler"
        ) from error
    with client:
        checked: dict[str, str] = {}

        def count() -> int:
            """How many workers there are, at least 1; those that have joined are checked."""
            try:
                workers = client.nthreads()
                if new := [address for address in workers if address not in checked]:
                    arguments = {"expected": ENVIRONMENT, "token": _TOKEN}
                    found = client.run(_prepare, **arguments, workers=new, on_error="ignore")
                    checked.update(found)
                    for address, problem in found.items():
                        if problem:
                            warn(f"{address} is not used: {problem}")
                    client.run_on_scheduler(_prepare_scheduler)
            except OSError as error:
                raise WorkersLost from error
            return max(1, len(workers))

        count()
        if not checked:
            raise CourseError(
                f"No worker is connected to {scheduler}. Start one in the project's folder with: "
                f"python -m dask worker {scheduler} --nthreads 1"
            )
        if all(checked.values()):
            raise CourseError(f"None of the {len(checked)} workers at {scheduler} can be used.")
        with Workers(
            make_executor=lambda: client.get_executor(pure=False, resources={_TOKEN: 1}),
            count=count,
            loss=(KilledWorker,),
        ) as workers:
            yield workers


_code = hashlib.sha256()
for _path in sorted(_PROJECT.glob("autograder/**/*.py")):
    _code.update(_path.relative_to(_PROJECT).as_posix().encode() + _path.read_bytes())
ENVIRONMENT = {
    "Python": ".".join(platform.python_version_tuple()[:2]),
    **{name: version(name) for name in ("numpy", "ipython", "nbformat")},
    "the grader's code": _code.hexdigest()[:12],
}
"""What must be the same on all machines, so that all submissions are graded alike."""
_TOKEN = f"autograder-{'-'.join(ENVIRONMENT.values())}"  # a resource that usable workers have
# `_prepare` goes to a worker together with its code, since it is about what is missing there.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


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


def _prepare_scheduler(dask_scheduler: Scheduler) -> None:
    """Let it report each loss of a worker, and hand out what waits for a worker that can be used.

    By default it tries a lost submission four times, with others that wait at the same worker;
    `Workers` does it one at a time. And it looks when a worker joins, before we know that worker.
    """
    dask_scheduler.allowed_failures = 0
    waiting = {task.key: "processing" for task in dask_scheduler.unrunnable}
    dask_scheduler.transitions(waiting, stimulus_id="autograder")


def _anyone_can_listen(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme == "tls":
        return False
    with contextlib.suppress(ValueError):
        return not ipaddress.ip_address(parts.hostname or "").is_loopback
    return parts.hostname != "localhost"
