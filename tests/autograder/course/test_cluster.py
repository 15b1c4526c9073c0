"""Grade on a Dask cluster: the same results, unfit workers refused, nothing lost."""

import contextlib
import dataclasses
import json
import os
import queue
import shutil
import subprocess
import sys
from datetime import datetime

import psutil
import pytest

from tests.support import courses
from tests.support.kinds import KINDS, instructors, submission

pytest.importorskip("distributed", reason="requirements-cluster.txt is not installed")

from dask import config as dask_config
from distributed import Client
from traitlets.config import Config

from autograder.assignment import Assignment
from autograder.cli import main
from autograder.course.batch import grade_course, new_submissions
from autograder.course.cluster import cluster_workers
from autograder.course.folder import Course, CourseError
from autograder.course.workers import Workers
from autograder.grading.run import grade_submission

WRONG_HE = courses.answers(he="def initialize_parameters_he(layers_dims):\n    return {}")


@contextlib.contextmanager
def dask(command, *options, folder=courses.PROJECT, **environment):
    """A part of a cluster as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", command, "--no-dashboard", *options],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        processes = [process, *psutil.Process(process.pid).children(recursive=True)]
        for one in processes:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may just have ended
                one.kill()
        process.wait()
        _, alive = psutil.wait_procs(processes[1:], timeout=60)
        assert not alive


def worker(address, **options):
    return dask("worker", address, "--nthreads", "1", **options)


@contextlib.contextmanager
def dask_scheduler(file, *options, **environment):
    """A scheduler and its address."""
    place = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
    with dask("scheduler", *place, *options, **environment) as process:
        while not (file.exists() and file.read_text().endswith("}")):
            assert process.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        yield process, json.loads(file.read_text())["address"]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """Address of a scheduler without workers."""
    with dask_scheduler(tmp_path_factory.mktemp("scheduler") / "scheduler.json") as (_, address):
        yield address


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Dask's settings for encrypted connections."""
    folder = tmp_path_factory.mktemp("certificates")
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cluster"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    settings = {"ca-file": certificate}
    for part in ("scheduler", "worker", "client"):
        settings |= {f"{part}.cert": certificate, f"{part}.key": key}
    return {f"distributed.comm.tls.{name}": value for name, value in settings.items()}


def as_environment(settings):
    """Dask's settings as the environment variables that it reads."""
    return {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): value
        for name, value in settings.items()
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, certificates):
    """Address of a scheduler with two workers, by TLS, and the process of one of them."""
    file = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    with contextlib.ExitStack() as started:
        environment = as_environment(certificates)
        scheduler = dask_scheduler(file, "--protocol", "tls", **environment)
        _, address = started.enter_context(scheduler)
        one = started.enter_context(worker(address, **environment))
        started.enter_context(worker(address, **environment))
        with dask_config.set(certificates):
            wait_for_workers(address, 2)
        yield address, one


def wait_for_workers(address, number):
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(number, timeout=120)


def start_grader(course, address, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "autograder", "grade", "--course", course, "--scheduler", address],
        cwd=courses.PROJECT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def submitted(course):
    right = courses.hand_in(course, "right", courses.answers())
    courses.hand_in(course, "wrong", WRONG_HE)
    courses.hand_in_file(course, "garbage", b"")
    for student in ("a", "b", "c"):
        courses.hand_in_file(course, student, right.read_bytes())
    return course


def assert_all_graded(course):
    right = {student: [10, 10, 10] for student in ("a", "b", "c", "right")}
    assert courses.scores(course) == right | {"wrong": [10, 10, 0], "garbage": [0, 0, 0]}


def test_a_scheduler_without_workers_is_reported(scheduler, submitted, capsys):
    assert main(["grade", "--course", str(submitted), "--scheduler", scheduler]) == 2
    assert "No worker is connected to" in capsys.readouterr().err


def test_a_missing_scheduler_is_reported(submitted, capsys):
    with dask_config.set({"distributed.comm.timeouts.connect": "1s"}):
        address = "tcp://127.0.0.1:9"
        assert main(["grade", "--course", str(submitted), "--scheduler", address]) == 2
    assert "There is no Dask scheduler at tcp://127.0.0.1:9" in capsys.readouterr().err


def test_a_missing_package_is_reported(submitted, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "autograder.course.cluster")
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["grade", "--course", str(submitted), "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "pip install -r requirements-cluster.txt" in capsys.readouterr().err


def test_workers_that_would_grade_differently_get_nothing_to_do(scheduler, tmp_path):
    other_code = tmp_path / "other"
    shutil.copytree(courses.PROJECT / "autograder", other_code / "autograder")
    with open(other_code / "autograder" / "text.py", "a") as file:
        file.write("# changed\n")
    no_code = tmp_path / "empty"
    no_code.mkdir()
    unfit = [
        (worker(scheduler, folder=no_code), "it cannot import the grader"),
        (worker(scheduler, folder=other_code), "the grader's code is "),
        (worker(scheduler, PATH="/nowhere"), "bubblewrap"),
    ]
    said = queue.Queue()
    with contextlib.ExitStack() as started:
        started.enter_context(unfit[0][0])
        wait_for_workers(scheduler, 1)
        with pytest.raises(CourseError, match="None of the 1 workers"):
            cluster_workers(scheduler, said.put).__enter__()
        assert unfit[0][1] in said.get_nowait()  # before the run ends, not after
        # With a fit one, work goes on; those who come later are looked at as well.
        fit = started.enter_context(worker(scheduler))
        wait_for_workers(scheduler, 2)
        with cluster_workers(scheduler, said.put) as workers:
            assert unfit[0][1] in said.get_nowait()
            for number, (process, reason) in enumerate(unfit[1:], start=3):
                started.enter_context(process)
                wait_for_workers(scheduler, number)
                workers.count()
                assert reason in said.get_nowait()
            executor = workers.make_executor()
            parents = {executor.submit(os.getppid).result() for _ in range(20)}
            assert parents == {fit.pid}
            executor.shutdown()


def test_a_cluster_gives_the_same_results(cluster, certificates, submitted, capsys):
    address, _ = cluster
    with dask_config.set(certificates):
        assert main(["grade", "--course", str(submitted), "--scheduler", address]) == 1
    output = capsys.readouterr()
    assert output.err == ""
    assert "garbage" in output.out
    assert_all_graded(submitted)


def test_a_watcher_without_a_sandbox_of_its_own_may_use_a_cluster(cluster, certificates, course):
    """The workers try the instructor's solution, too."""
    exchange = courses.make_exchange(course)
    notebook = courses.filled_in(exchange, WRONG_HE)
    courses.submit(exchange, "ada", datetime(2026, 3, 2), content=notebook)
    environment = as_environment(certificates) | {"PATH": os.path.dirname(sys.executable)}
    with courses.watching(course, "--scheduler", cluster[0], **environment) as (_, told):
        assert next(told)["kind"] == "graded"
    assert courses.scores(course) == {"ada": [10, 10, 0]}


def test_tests_that_run_inside_and_files_handed_in_travel_as_well(cluster, certificates, tmp_path):
    (tmp_path / "kind.ipynb").write_text(json.dumps(instructors(KINDS["partial"])))
    assignment = Assignment.all_in(tmp_path, Config())["kind"]
    assignment = dataclasses.replace(assignment, inside=frozenset(KINDS["partial"].inside))
    notebook = submission(KINDS["partial"], "part")
    notebook.cells[0].source += "\nimport mine"
    address, _ = cluster
    with (
        dask_config.set(certificates),
        cluster_workers(address, print) as workers,
        workers.make_executor() as executor,
    ):
        data, beside = json.dumps(notebook).encode(), {"mine.py": b"x = 1"}
        graded = executor.submit(grade_submission, data, assignment, handed_in=beside).result()
    assert graded.facts.verdicts["t-roots"].score == 0.5
    assert not any(out.output_type == "error" for out in graded.notebook.cells[0].outputs)


def test_what_was_sent_does_not_stay_in_memory(cluster, certificates):
    address, _ = cluster
    with (
        dask_config.set(certificates),
        cluster_workers(address, print) as workers,
        workers.make_executor() as executor,
    ):
        before = psutil.Process().memory_info().rss
        for _ in range(300):
            assert executor.submit(len, os.urandom(300_000)).result() == 300_000
        assert psutil.Process().memory_info().rss - before < 50_000_000


def test_a_cluster_does_not_talk_to_those_without_a_certificate(cluster, submitted, capsys):
    address, _ = cluster
    assert main(["grade", "--course", str(submitted), "--scheduler", address]) == 2
    assert "TLS" in capsys.readouterr().err


def test_a_killed_worker_costs_nobody_anything(cluster, certificates, submitted):
    address, process = cluster
    grader = start_grader(submitted, address, **as_environment(certificates))
    assert grader.stdout.readline().startswith("[1/6]")
    (at_work,) = [
        child
        for child in psutil.Process(process.pid).children()
        if "spawn_main" in " ".join(child.cmdline())
    ]
    sandboxes = at_work.children(recursive=True)
    at_work.kill()
    assert grader.communicate(timeout=180)[1] == ""
    assert grader.returncode == 1  # on account of the unreadable one
    assert_all_graded(submitted)
    assert not psutil.wait_procs(sandboxes, timeout=60)[1]


def test_a_submission_that_takes_its_worker_along_is_set_aside(submitted, tmp_path, capsys):
    """On the only worker, which its nanny starts again each time."""
    with dask_scheduler(tmp_path / "scheduler.json") as (_, address), worker(address):
        wait_for_workers(address, 1)
        with cluster_workers(address, warn=print) as workers:
            course = Course(submitted, courses.ASSIGNMENT)
            deadly = Workers(
                lambda: _Deadly(workers.make_executor(), b"deadly"), workers.count, workers.loss
            ).__enter__()
            courses.hand_in_file(submitted, "killer", b"deadly")
            outcomes = grade_course(course, new_submissions(course), deadly)
    problems = {outcome.student: outcome.problem for outcome in outcomes if outcome.problem}
    assert sorted(problems) == ["garbage", "killer"]
    assert "the worker that graded it was lost, twice" in problems["killer"]
    assert_all_graded(submitted)


class _Deadly:
    """An executor whose worker dies of one of the submissions."""

    def __init__(self, executor, deadly):
        self._executor, self._deadly = executor, deadly

    def submit(self, function, submitted, *arguments):
        if self._deadly in submitted.notebooks.values():
            return self._executor.submit(os._exit, 1)
        return self._executor.submit(function, submitted, *arguments)

    def shutdown(self, wait=True):
        self._executor.shutdown(wait=wait)


def test_a_lost_scheduler_ends_the_run_and_keeps_what_was_recorded(submitted, tmp_path):
    with dask_scheduler(tmp_path / "scheduler.json") as (process, address), worker(address):
        wait_for_workers(address, 1)
        grader = start_grader(submitted, address)
        while not grader.stdout.readline().startswith("[2/6]"):
            pass  # the first is the unreadable one, which needs no worker
        process.kill()
        stderr = grader.communicate(timeout=180)[1]
    assert grader.returncode == 2
    assert "The connection to the workers was lost" in stderr and "Traceback" not in stderr
    assert 2 <= len(courses.scores(submitted)) < 6
    assert main(["grade", "--course", str(submitted)]) in (0, 1)
    assert_all_graded(submitted)


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("tcp://127.0.0.1:9", 0),
        ("tcp://localhost:9", 0),
        ("tcp://192.0.2.1:9", 1),
        ("tls://a:9", 0),
    ],
)
def test_an_open_scheduler_is_warned_of(address, warned):
    said = []
    with dask_config.set({"distributed.comm.timeouts.connect": "1s"}), pytest.raises(CourseError):
        cluster_workers(address, said.append).__enter__()
    assert len(said) == warned
