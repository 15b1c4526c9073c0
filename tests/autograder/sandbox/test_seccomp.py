"""The filter lets the programs of a course work, and leaves nothing else of the kernel."""

import errno
import os
import struct

import pytest

from autograder.limits import Limits
from autograder.sandbox import bubblewrap, seccomp
from autograder.sandbox.process import SandboxUnavailable, StudentProcess
from tests.autograder.sandbox.test_process import FILES, INSIDE, SECONDS, SMALL, attack, text_of

# What a course may use. Each part prints one line, or fails.

NUMPY = """
import numpy as np, threading
answers = []
def multiply():
    answers.append((np.ones((300, 300)) @ np.ones((300, 300))).sum())
threads = [threading.Thread(target=multiply) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
np.save("x.npy", np.arange(10**6))
print(len(answers), np.load("x.npy", mmap_mode="r")[-1], np.memmap("m", "f8", "w+", shape=9).sum())
"""
SCIENCE = """
import importlib.util
if importlib.util.find_spec("scipy"):
    import scipy.linalg, scipy.optimize
    scipy.linalg.svd([[1.0, 2.0], [3.0, 4.0]])
    scipy.optimize.minimize(lambda x: (x**2).sum(), [1.0, 2.0])
if importlib.util.find_spec("pandas"):
    import pandas as pd
    pd.DataFrame({"a": [1, 2]}).to_csv("t.csv")
    assert pd.read_csv("t.csv")["a"].sum() == 3
if importlib.util.find_spec("sklearn"):
    from sklearn.ensemble import RandomForestClassifier
    RandomForestClassifier(n_estimators=4, n_jobs=2).fit([[0], [1]], [0, 1]).predict([[0]])
print("done")
"""
PROGRAMS = """
import shutil, subprocess, tempfile
print(subprocess.run("ls -l / | sort | head -1; cp -a /bin/true t; ./t; find . | wc -l", shell=True,
                     capture_output=True, text=True).stderr == "")
with tempfile.TemporaryDirectory() as folder:
    shutil.copytree(".", folder + "/copy")
    shutil.make_archive("archive", "zip", folder)
print(subprocess.run(["true"], start_new_session=True).returncode)
"""
PROCESSES = """
import multiprocessing, sys
open("work.py", "w").write("def twice(x): return 2 * x")
import work
for method in ("fork", "spawn", "forkserver"):
    with multiprocessing.get_context(method).Pool(2) as pool:
        print(pool.map(work.twice, range(3)))
value, lock = multiprocessing.Value("i", 3), multiprocessing.Lock()
with lock:
    value.value += 1
print(value.value)
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
    print(list(pool.map(work.twice, range(3))))
from multiprocessing.shared_memory import SharedMemory
block = SharedMemory(create=True, size=100)
block.buf[0] = 7
same = SharedMemory(block.name)
print(same.buf[0])
block.unlink()
"""
ASYNCIO = """
import asyncio
async def both():
    process = await asyncio.create_subprocess_exec("echo", "hi", stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    server = await asyncio.start_unix_server(lambda r, w: w.close(), path="socket")
    reader, writer = await asyncio.open_unix_connection("socket")
    await reader.read()
    return said, await asyncio.to_thread(sum, [1, 2])
print(asyncio.run(both()) if __name__ != "__main__" else await both())
"""
DATABASE = """
import sqlite3
for mode in ("delete", "wal"):
    with sqlite3.connect(f"{mode}.db", timeout=1) as database:
        print(*database.execute(f"pragma journal_mode={mode}").fetchone())
        database.execute("create table t (x)")
        database.executemany("insert into t values (?)", [(1,), (2,)])
    print(sqlite3.connect(f"{mode}.db").execute("select sum(x) from t").fetchone())
import fcntl
with open("lock", "w") as file:
    fcntl.flock(file, fcntl.LOCK_EX), fcntl.lockf(file, fcntl.LOCK_EX)
"""
PICTURE = """
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.savefig("p.pdf")
plt.savefig("p.svg")
print("done")
"""
STACK = {
    "NumPy and threads": (NUMPY, "4 999999 0.0\n"),
    "SciPy, pandas, scikit-learn": (SCIENCE, "done\n"),
    "programs": (PROGRAMS, "True\n0\n"),
    "multiprocessing": (PROCESSES, "[0, 2, 4]\n" * 3 + "4\n[0, 2, 4]\n7\n"),
    "asyncio": (ASYNCIO, "(b'hi\\n', 3)\n"),
    "sqlite3": (DATABASE, "delete\n(3,)\nwal\n(3,)\n"),
    "Matplotlib": (PICTURE, "done\n"),
}


@pytest.fixture(params=["warm", "cold"], scope="module")
def course_process(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "cold":
            patch.setattr("autograder.sandbox.fork_server.fork_servers.refusal", "by a test")
        with StudentProcess({}, Limits()) as process:
            yield process


@pytest.mark.parametrize("kind", STACK)
def test_what_courses_use_works_in_the_filter(course_process, kind):
    source, expected = STACK[kind]
    result = course_process.run_cell(source, 60)
    assert not result.failed and text_of(result) == expected, result.outputs


# What nobody needs


@pytest.fixture(params=["warm", "cold"])
def victim(request):
    if request.param == "cold":
        request.getfixturevalue("cold")
    with StudentProcess(FILES, SMALL) as process:
        yield process


CALLS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def errno_of(*call):
    return libc.syscall(*call) == -1 and ctypes.get_errno()
"""
REFUSED = {  # numbers are those of x86_64
    "unshare(CLONE_NEWUSER)": (272, 0x10000000),
    "clone(CLONE_NEWUSER)": (56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone3": (435, 0, 0),
    "shmget": (29, 0, 4096, 0o1600),
    "memfd_create": (319, b"name", 0),
    "ptrace(PTRACE_ATTACH)": (101, 16, 1, 0, 0),
    "io_uring_setup": (425, 1, 0),
    "io_setup": (206, 1, b"\0" * 8),
    "socket(AF_VSOCK)": (41, 40, 1, 0),
    "socketpair(AF_INET)": (53, 2, 1, 0, 0),
    "mount": (165, 0, b"/tmp", b"tmpfs", 0, 0),
    "getpid of the x32 table": (0x40000000 + 39,),
    "inotify_init": (253,),
    "timer_create": (222, 0, 0, 0),
    "timerfd_create": (283, 0, 0),
    "epoll_create1": (291, 0),
    "posix_fadvise": (221, 0, 0, 0, 4),
    "preadv2(RWF_NOWAIT)": (327, 0, 0, 0, 0, 0, 8),
    "mincore": (27, 0, 0, 0),
    "fcntl(F_SETLEASE)": (72, 1, 1024, 0),
    "fcntl(F_SETPIPE_SZ)": (72, 1, 1031, 2**20),
    "vmsplice": (278, 1, 0, 0, 0),
    "splice": (275, 0, 0, 1, 0, 1, 0),
    "landlock_create_ruleset": (444, 0, 0, 1),
    "prctl(PR_FUTEX_HASH)": (157, 78, 1, 2**20, 0, 0),
    "prctl(PR_SET_THP_DISABLE, 0)": (157, 41, 0, 0, 0, 0),
    "prctl(PR_SET_SECCOMP)": (157, 22, 2, 0, 0, 0),
    "seccomp": (317, 1, 0, 0),
    "mmap(MAP_SHARED | MAP_ANONYMOUS)": (9, 0, 4096, 3, 0x21, -1, 0),
    "mmap(MAP_HUGETLB)": (9, 0, 2**21, 3, 0x40022, -1, 0),
    "madvise(MADV_PAGEOUT)": (28, 0, 0, 21),
    "madvise(MADV_MERGEABLE)": (28, 0, 0, 12),
    "setsockopt(SO_ATTACH_FILTER)": (54, 0, 1, 26, 0, 0),
    "sched_setaffinity": (203, 0, 8, b"\xff" * 8),
    "sync": (162,),
    "bpf": (321, 0, 0, 0),
    "personality": (135, 0x40000),
    "mlock": (149, 0, 0),
    "setxattr": (188, b"/tmp", b"user.a", b"b", 1, 0),
    "mq_open": (240, b"name", 0o100, 0o600, 0),
    "a call that is not known yet": (900,),
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers are those of x86_64")
def test_all_other_system_calls_are_refused(victim):
    source = f"{CALLS}\nprint([errno_of(*call) for call in {list(REFUSED.values())}])"
    answers = dict(zip(REFUSED, eval(text_of(attack(victim, source))), strict=True))
    refusals = {errno.ENOSYS, errno.EPERM, errno.EAFNOSUPPORT}
    assert {name: error for name, error in answers.items() if error not in refusals} == {}


LOCKS = f"""{CALLS}
path = os.__file__
with open(path) as file:
    print(errno_of(73, file.fileno(), 2 | 4))  # flock(LOCK_EX | LOCK_NB)
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers are those of x86_64")
def test_a_lock_on_a_shared_file_is_not_seen_in_another_sandbox(victim):
    assert text_of(attack(victim, f"kept = open(os.__file__)\n{LOCKS}")) == "False\n"
    with StudentProcess(FILES, SMALL) as neighbour:
        assert text_of(attack(neighbour, LOCKS)) == "False\n"
    with open(os.__file__) as file:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_there_are_no_terminals_and_no_shared_zeros(victim):
    source = """
import mmap
print(sorted(os.listdir("/dev")))
try:
    os.openpty()
except OSError:
    print("no terminal")
with open("/dev/zero", "r+b", buffering=0) as file:
    print(file.read(2))
    try:
        mmap.mmap(file.fileno(), 4096)
    except OSError:
        print("not shared")
"""
    devices, *answers = text_of(attack(victim, source)).splitlines()
    assert "ptmx" not in devices and "pts" not in devices
    assert answers == ["no terminal", "b'\\x00\\x00'", "not shared"]


# The filter itself

MEMORY_FILE = """
import ctypes, os
print(ctypes.CDLL(None).syscall(319 if os.uname().machine == "x86_64" else 279, b"name", 0) >= 0)
"""


def test_it_is_the_filter_that_refuses_them(cold, monkeypatch):
    allow_all = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)
    monkeypatch.setattr(bubblewrap.seccomp, "program", lambda **_: allow_all)
    with StudentProcess({}, SMALL) as process:
        assert text_of(process.run_cell(INSIDE + MEMORY_FILE, SECONDS)) == "True\n"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_ends_in_an_answer_on_every_path(machine):
    instructions = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    for position, (code, if_true, if_false, _) in enumerate(instructions):
        if code & 7 == 5:  # a jump
            assert position + 1 + max(if_true, if_false) < len(instructions)
    assert instructions[-1][0] == 6  # return


@pytest.mark.parametrize("machine", ["x86_64", "riscv64"])
def test_where_there_can_be_no_filter_there_is_no_sandbox(cold, monkeypatch, machine):
    program = seccomp.program.__wrapped__

    def missing(name):
        raise OSError("not found")

    monkeypatch.setattr(seccomp, "program", lambda **_: program(machine))
    if machine == "x86_64":
        monkeypatch.setattr(seccomp.ctypes, "CDLL", missing)
    expected = {"x86_64": "libseccomp2", "riscv64": "of the architecture riscv64"}
    with pytest.raises(SandboxUnavailable, match=expected[machine]):
        StudentProcess({}, SMALL)
