"""Control groups (cgroup v2) around a sandbox, where a machine lets us make some."""

import os

import pytest

from autograder.limits import MEGABYTE, Limits
from autograder.sandbox import bubblewrap, cgroup
from autograder.sandbox.process import ProcessDied, StudentProcess

FILES = ("cgroup.procs", "memory.max", "memory.swap.max", "memory.oom.group", "pids.max")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Files like those of a container's tree; a new folder in it gets some, as from the kernel."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    for name in FILES:
        (tmp_path / name).write_text("")
    made = type(tmp_path).mkdir

    def mkdir(path, *arguments, **options):
        made(path, *arguments, **options)
        for name in FILES:
            (path / name).touch()

    monkeypatch.setattr(type(tmp_path), "mkdir", mkdir)
    return tmp_path


def test_the_group_is_divided_after_its_processes_have_moved_on(tree):
    (tree / "cgroup.procs").write_text("17\n")
    assert cgroup.prepared(tree, "0::/\n") == tree
    assert (tree / "graders" / "cgroup.procs").read_text() == "17"
    assert (tree / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert cgroup.prepared(tree, "0::/graders\n") == tree  # for the next worker


def test_a_group_keeps_memory_swap_and_processes_and_says_what_happened(tree):
    group = cgroup.Group(tree, Limits(memory_bytes=5 * MEGABYTE, processes=7), [os.getpid()])
    (folder,) = tree.glob("sandbox-*")
    kept = {name: (folder / name).read_text() for name in FILES}
    assert kept == {
        "cgroup.procs": str(os.getpid()),
        "memory.max": "5000000",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "8",
    }
    assert not group.ran_out()
    (folder / "memory.events").write_text("low 0\nmax 31\noom 1\noom_kill 2\n")
    assert group.ran_out()


@pytest.mark.parametrize(
    ("missing", "membership", "reason"),
    [
        ("cgroup.controllers", "0::/\n", "does not use cgroup v2"),
        ("", "4:memory:/\n", "does not use cgroup v2"),
        ("memory.max", "0::/\n", "no memory controller"),  # the group of a whole machine
        ("", "0::/elsewhere\n", "cannot be divided"),
    ],
)
def test_where_there_can_be_no_groups_the_reason_is_known(tree, missing, membership, reason):
    if missing:
        (tree / missing).unlink()
    with pytest.raises(cgroup.NoGroups, match=reason):
        cgroup.prepared(tree, membership)
    assert not (tree / "graders").exists()


def test_a_group_that_is_not_delegated_is_left_alone(tree):
    (tree / "session.scope").mkdir()
    (tree / "session.scope" / "cgroup.controllers").write_text("memory pids")
    with pytest.raises(cgroup.NoGroups, match="not delegated"):
        cgroup.prepared(tree, "0::/session.scope\n")


def test_a_sandbox_whose_group_cannot_be_made_runs_all_the_same(tree, monkeypatch):
    monkeypatch.setattr(cgroup, "in_force", lambda: (tree / "gone", ""))
    with StudentProcess({}, Limits()) as student:
        assert not student.run_cell("1 + 1", 10).failed


def test_a_sandbox_is_in_its_group_before_student_code_runs(tree, monkeypatch):
    monkeypatch.setattr(cgroup, "in_force", lambda: (tree, ""))
    held = []
    init = cgroup.Group.__init__
    monkeypatch.setattr(
        cgroup.Group,
        "__init__",
        lambda group, base, limits, processes: (
            held.extend(processes) or init(group, base, limits, processes)
        ),
    )
    with StudentProcess({}, Limits()) as student:
        assert held == list(bubblewrap.descent(student._process.pid)) and len(held) >= 2
        (folder,) = tree.glob("sandbox-*")
        (folder / "memory.events").write_text("oom_kill 1")
        # What the kernel does to a group that wants too much, the end of its program stands for.
        with pytest.raises(ProcessDied, match="more than 1000 MB of memory"):
            student.run_cell("import os; os._exit(9)", 10)


def test_the_kernel_ends_a_sandbox_that_wants_too_much_memory():
    base, reason = cgroup.in_force()
    if base is None:
        pytest.skip(reason)
    bombs = "import os\nfor n in range(4):\n    if not os.fork(): x = bytearray(10**8)"
    limits = Limits(memory_bytes=300 * MEGABYTE)
    message = "more than 300 MB of memory"
    with StudentProcess({}, limits) as student, pytest.raises(ProcessDied, match=message):
        student.run_cell(bombs, 20)
    assert not list(base.glob(f"sandbox-{os.getpid()}-*"))
