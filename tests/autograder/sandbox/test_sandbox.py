"""What a sandbox uses is counted, whatever it is, and no sandbox costs another one much."""

import dataclasses
import os

import pytest

from autograder.limits import MEGABYTE, Limits
from autograder.sandbox import process as process_module
from autograder.sandbox import sandbox
from autograder.sandbox.process import ProcessDied, SandboxLost, StudentProcess, TimedOut
from tests.attacks.attacks import HOARDS
from tests.autograder.sandbox.test_process import FILES, SECONDS, SMALL, attack, printed, text_of


@pytest.fixture(params=["warm", "cold"], autouse=True)
def kind(request):
    if request.param == "cold":
        request.getfixturevalue("cold")


# Memory


@pytest.mark.parametrize("hoard", ["buffers-of-sockets", "files-in-memory", "mappings"])
def test_what_the_kernel_keeps_for_a_process_counts_as_its_memory(hoard):
    limits = Limits(memory_bytes=500 * MEGABYTE)
    with StudentProcess(FILES, limits) as process, pytest.raises(ProcessDied, match="500 MB of"):
        attack(process, HOARDS[hoard].source, 50)


def test_huge_pages_and_many_waiting_signals_are_not_to_be_had():
    source = """
import resource
print(*[line for line in open("/proc/self/status") if line.startswith("THP_enabled")], end="")
print(resource.getrlimit(resource.RLIMIT_SIGPENDING))
"""
    with StudentProcess(FILES, SMALL) as process:
        assert text_of(attack(process, source)) == "THP_enabled:\t0\n(64, 64)\n"


def test_where_memory_is_short_no_sandbox_starts(monkeypatch):
    monkeypatch.setattr(process_module, "free_memory", lambda: (9 * MEGABYTE, 10 * MEGABYTE))
    with pytest.raises(SandboxLost, match="only 9 MB of memory left; a sandbox starts where"):
        StudentProcess(FILES, SMALL, seconds=0.1)


def test_where_memory_is_short_the_largest_sandbox_is_ended(monkeypatch):
    with StudentProcess(FILES, SMALL) as large, StudentProcess(FILES, SMALL) as small:
        printed(large, "x = b'x' * 300_000_000")
        monkeypatch.setattr(process_module, "free_memory", lambda: (9 * MEGABYTE, 10 * MEGABYTE))
        assert printed(small, "import time; time.sleep(0.5); print(1)") == "1\n"
        with pytest.raises(SandboxLost, match="used the most of it"):
            large.run_cell("time.sleep(9)", SECONDS)


def test_a_container_has_the_memory_that_its_group_may_use(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "_GROUP", tmp_path)
    everything = sandbox.free_memory()
    (tmp_path / "memory.max").write_text(str(800 * MEGABYTE))
    (tmp_path / "memory.current").write_text(str(700 * MEGABYTE))
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {200 * MEGABYTE}\n")
    assert sandbox.free_memory() == (300 * MEGABYTE, 100 * MEGABYTE)
    (tmp_path / "memory.max").write_text("max\n")
    assert sandbox.free_memory()[1] == everything[1]


# Time

BUSY = """
import time
for _ in range(28):
    if os.fork() == 0:
        os.setsid()
        while True: pass
"""
WORK = """
import time
def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
    return "done"
"""


def test_a_busy_neighbour_on_the_same_core_costs_an_answer_no_points(monkeypatch):
    core = min(os.sched_getaffinity(0))
    monkeypatch.setattr(sandbox, "_take_core", lambda resources: core)
    many = dataclasses.replace(SMALL, processes=32, memory_bytes=2_000 * MEGABYTE)
    with StudentProcess(FILES, many) as neighbour, StudentProcess(FILES, SMALL) as honest:
        attack(neighbour, BUSY)
        printed(honest, WORK)
        neighbour._sandbox.pin(), honest._sandbox.pin()
        assert honest.call("work", [0.2], 1) == "done"


def test_sandboxes_of_many_processes_have_a_core_each_and_cannot_leave_it(monkeypatch):
    monkeypatch.setattr(sandbox, "_CORE_LOCK", f"\0test-{os.getpid()}-")  # other tests have some
    source = """
import threading, time
threading.Thread(target=time.sleep, args=(30,)).start()
if os.fork() == 0:
    time.sleep(30)
time.sleep(0.6)
print(*os.sched_getaffinity(0))
try:
    os.sched_setaffinity(0, range(64))
except OSError:
    print("refused")
"""
    with StudentProcess(FILES, SMALL) as one, StudentProcess(FILES, SMALL) as other:
        cores = [text_of(attack(process, source)).split() for process in (one, other)]
    assert [refused for _, refused in cores] == ["refused"] * 2
    if len(os.sched_getaffinity(0)) > 1:
        assert cores[0] != cores[1]


def test_the_time_of_all_processes_counts_together():
    limits = dataclasses.replace(SMALL, processes=12)
    source = "for _ in range(2): os.fork()\nwhile True: pass"
    with StudentProcess(FILES, limits) as process, pytest.raises(TimedOut, match=r"than 0\.8 s"):
        attack(process, source, 0.8)


def test_code_that_only_waits_is_ended_by_the_clock():
    with StudentProcess(FILES, SMALL) as process, pytest.raises(TimedOut, match=r"than 0\.1 s"):
        attack(process, "import time; time.sleep(60)", 0.1)


def test_no_request_goes_on_after_the_deadline_of_its_process():
    with StudentProcess(FILES, SMALL) as process:
        process.deadline = process_module.time.monotonic() + 0.3
        with pytest.raises(TimedOut):
            attack(process, "import time; time.sleep(60)", 60)


# Files beside the notebook


def test_no_file_of_a_student_takes_the_place_of_a_module_that_the_solution_imports():
    files = {"numpy.py": b"raise SystemExit", "json.py": b"raise SystemExit"}
    with StudentProcess(files, SMALL, sandbox.Profile(("numpy", "json"))) as process:
        assert printed(process, "import json, numpy; print(numpy.ones(2).sum())") == "2.0\n"
