"""Who grades: processes of this machine, or of others."""

import concurrent.futures
import ctypes
import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any

from autograder.text import UserError

_WAIT_SECONDS = 5  # for a result, before `count` is asked for new workers


class WorkersLost(UserError):
    """There is nobody left to do the work."""

    def __init__(self) -> None:
        super().__init__(
            "The connection to the workers was lost. What has been reported as graded is recorded; "
            "run the same command again for the rest."
        )


class Workers:
    """An executor that is replaced when one of its processes was lost.

    `count` says how many workers there are, and a result that was lost raises one of `loss`. The
    loss of a process fails everything that was in work. As nobody can tell whose fault it was,
    these submissions are tried once more, one at a time.
    """

    def __init__(
        self,
        make_executor: Callable[[], Executor],
        count: Callable[[], int],
        loss: tuple[type[BaseException], ...] = (BrokenExecutor,),
    ) -> None:
        self.make_executor, self.count, self.loss = make_executor, count, loss
        self._executor: Executor | None = None
        self._running: dict[Future[Any], tuple[Any, ...]] = {}  # item and call
        self._suspects: list[tuple[Any, ...]] = []
        self._is_trying_again = False

    def __enter__(self) -> "Workers":
        self._executor = self._executor or self.make_executor()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._executor:  # what is in work is not wanted any more, and Dask would wait for it
            self._executor.shutdown(wait=False)
        self._executor = None

    @property
    def items(self) -> list[Any]:
        """What is in work."""
        return [item for item, *_ in (*self._running.values(), *self._suspects)]

    def has_room(self, tasks: int) -> bool:
        """Whether less than so many are in work, and another one may start."""
        return not self._suspects and not self._is_trying_again and len(self._running) < tasks

    def start(self, item: Any, *call: Any) -> None:
        """Let a worker call a function with arguments; `finished` returns the item."""
        try:
            future = self._executor.submit(*call)
        except BrokenExecutor:
            self._executor.shutdown(wait=False)
            self._executor = self.make_executor()
            future = self._executor.submit(*call)
        self._running[future] = (item, *call)

    def starmap(self, function: Callable[..., Any], calls: Iterable[tuple]) -> Iterator[Any]:
        """Let workers begin to call a function with each of these; the results in their order."""
        futures = [self._unless_lost(self._executor.submit, function, *one) for one in calls]
        return (self._unless_lost(future.result) for future in futures)

    def _unless_lost(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except self.loss as error:
            raise WorkersLost from error

    def finished(self, seconds: float = _WAIT_SECONDS) -> list[tuple[Any, Future[Any]]]:
        """Wait for results, for so long at the most; returns them with their items."""
        if self._suspects and not self._running:
            self._is_trying_again = True
            self.start(*self._suspects.pop(0))
        done, _ = concurrent.futures.wait(
            self._running, seconds, return_when=concurrent.futures.FIRST_COMPLETED
        )
        results = []
        for future in done:
            item, *call = self._running.pop(future)
            if future.cancelled():
                raise WorkersLost
            if isinstance(future.exception(), self.loss) and not self._is_trying_again:
                self._suspects.append((item, *call))
            else:
                self._is_trying_again = False
                results.append((item, future))
        return results


def local_workers(jobs: int) -> Workers:
    """Worker processes on this machine; they end with this process, even if it is killed.

    The first ones are forks of this process, which has imported what they need and opened nothing.
    Who replaces them is a fresh interpreter: a fork would copy threads' locks and database handles.
    """
    methods = itertools.chain(["fork"], itertools.repeat("spawn"))

    def make_executor() -> Executor:
        try:
            context = multiprocessing.get_context(next(methods))
            executor = _LocalExecutor(jobs, context, _start_worker, (os.getpid(),))
        except OSError as error:  # of the semaphores
            reason = f"Worker processes cannot be started, for which /dev/shm is needed: {error}."
            raise UserError(reason) from error
        executor.submit(os.getpid)  # forks start with the first task
        return executor

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

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future:
        """Call the function; the future is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future
