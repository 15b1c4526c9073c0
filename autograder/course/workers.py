"""Who grades: processes of this machine, or of others; and the work that each of them gets.

Submissions travel to a worker as bytes and come back as executed notebooks. Workers touch neither
the course folder nor the gradebook.
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from autograder.assignment import Assignment
from autograder.course.folder import Submitted
from autograder.facts import Attempt
from autograder.grading.run import Graded, grade_submission, without_points
from autograder.limits import Limits
from autograder.submission.notebook import Unreadable
from autograder.text import UserError

_WAIT_SECONDS = 5  # for a result, before `Workers.count` is asked for new workers


class WorkersLost(UserError):
    """There is nobody left to do the work."""

    def __init__(self) -> None:
        super().__init__(
            "The connection to the workers was lost. What has been reported as graded is recorded; "
            "run the same command again for the rest."
        )


@dataclass(frozen=True)
class Workers:
    """How to start workers, and how many there are; `loss` is raised by a result that was lost."""

    make_executor: Callable[[], Executor]
    count: Callable[[], int]
    loss: tuple[type[BaseException], ...] = (BrokenExecutor,)


def grade_notebooks(
    submitted: Submitted,
    notebooks: Mapping[str, Assignment],
    limits: Limits,
    *,
    attempt: Attempt | None = None,
    **options: Any,
) -> dict[str, Graded]:
    """Grade the notebooks of a submission; `options` as of `grade_submission`."""
    results = {}
    for name, content in submitted.notebooks.items():
        assignment = notebooks[name]
        if isinstance(content, Unreadable):
            graded = without_points(assignment, str(content))
        else:
            graded = grade_submission(
                content, assignment, limits, handed_in=submitted.attachments, **options
            )
        remarks = [] if graded.facts.failure else submitted.remarks
        repairs = [*remarks, *graded.facts.repairs]
        facts = replace(graded.facts, repairs=repairs, attempt=attempt)
        facts.store(graded.notebook)
        results[name] = replace(graded, facts=facts)
    return results


class Pool:
    """An executor that is replaced when one of its processes was lost.

    The loss of a process fails everything that was in work. As nobody can tell whose fault it was,
    these submissions are tried once more, one at a time.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._executor = workers.make_executor()
        self._running: dict[Future[Any], _Task] = {}
        self._suspects: list[_Task] = []
        self._alone: _Task | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        # All results are here, or are not wanted any more. Dask would wait for lost work, too.
        self._executor.shutdown(wait=False)

    @property
    def items(self) -> list[Any]:
        """What is in work."""
        return [task.item for task in (*self._running.values(), *self._suspects)]

    def has_room(self, tasks: int) -> bool:
        """Whether less than so many are in work, and another one may start."""
        return not self._suspects and self._alone is None and len(self._running) < tasks

    def start(self, item: Any, function: Callable[..., Any], *arguments: Any, **options: Any):
        """Let a worker call a function; `finished` returns the item with the result."""
        self._submit(_Task(item, function, arguments, options))

    def finished(self, seconds: float = _WAIT_SECONDS) -> list[tuple[Any, Future[Any]]]:
        """Wait for results, for so long at the most; returns them with their items."""
        if self._suspects and not self._running:
            self._alone = self._suspects.pop(0)
            self._submit(self._alone)
        done, _ = concurrent.futures.wait(
            self._running, seconds, return_when=concurrent.futures.FIRST_COMPLETED
        )
        results = []
        for future in done:
            task = self._running.pop(future)
            if future.cancelled():
                raise WorkersLost
            if isinstance(future.exception(), self._workers.loss) and task is not self._alone:
                self._suspects.append(task)
                continue
            if task is self._alone:
                self._alone = None
            results.append((task.item, future))
        return results

    def _submit(self, task: _Task) -> None:
        try:
            future = self._executor.submit(task.function, *task.arguments, **task.options)
        except BrokenExecutor:
            self._executor.shutdown(wait=False)
            self._executor = self._workers.make_executor()
            future = self._executor.submit(task.function, *task.arguments, **task.options)
        self._running[future] = task


@dataclass(eq=False)
class _Task:
    item: Any
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    options: dict[str, Any]


def local_workers(jobs: int) -> Workers:
    """Worker processes on this machine; they end with this process, even if it is killed."""
    # Fresh interpreters: forking would copy this process's locks, files and database handles.
    context = multiprocessing.get_context("spawn")

    def make_executor() -> Executor:
        try:
            return _LocalExecutor(jobs, context, _start_worker, (os.getpid(),))
        except OSError as error:  # of the semaphores
            reason = f"Worker processes cannot be started, for which /dev/shm is needed: {error}."
            raise UserError(reason) from error

    return Workers(make_executor=make_executor, count=lambda: jobs)


class _LocalExecutor(ProcessPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if not wait:  # nor let Python wait for them when it exits
            for worker in list((self._processes or {}).values()):
                worker.kill()
        if (self._broken or not wait) and self._call_queue and sys.version_info < (3, 11, 5):
            # Newer Pythons do this themselves. Without it, a thread of the pool tries for ever to
            # send a submission to a worker that has been killed.
            self._call_queue._reader.close()
        super().shutdown(wait, cancel_futures=cancel_futures)


def _start_worker(parent: int) -> None:
    """Let the kernel kill this process when the one that started it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, and it decides
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


class InThisProcess(Executor):
    """Does each task at once, where no other process is wanted."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future:
        """Call the function; the future is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **options))
        except Exception as error:
            future.set_exception(error)
        return future
