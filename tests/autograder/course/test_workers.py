"""Workers that are lost before they have begun are told in words."""

from concurrent.futures import BrokenExecutor, Executor

import pytest

from autograder.course.workers import Workers, WorkersLost


class Broken(Executor):
    def submit(self, *call):
        raise BrokenExecutor


def test_a_pool_that_is_broken_before_the_first_question_is_told_as_lost():
    workers = Workers(make_executor=Broken, count=lambda: 1).__enter__()
    with pytest.raises(WorkersLost):
        list(workers.starmap(print, [()]))
