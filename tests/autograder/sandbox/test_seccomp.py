"""The filter lets the programs of a course work, and leaves nothing else of the kernel."""

import errno
import os
import struct
import tomllib
from pathlib import Path

import pytest

from autograder.limits import Limits
from autograder.sandbox import bubblewrap, seccomp
from autograder.sandbox.process import SandboxUnavailable, StudentProcess
from tests.autograder.sandbox.test_process import FILES, INSIDE, SECONDS, SMALL, attack, text_of

# What a course may use

PROGRAMS = tomllib.loads(Path(__file__).with_name("course_programs.toml").read_text())


@pytest.fixture(params=["warm", "cold"], scope="module")
def course_process(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "cold":
            patch.setattr("autograder.sandbox.fork_server.fork_servers.refusal", "by a test")
        with StudentProcess({}, Limits()) as process:
            yield process


@pytest.mark.parametrize("kind", PROGRAMS)
def test_what_courses_use_works_in_the_filter(course_process, kind):
    result = course_process.run_cell(PROGRAMS[kind]["source"], 60)
    assert not result.failed and text_of(result) == PROGRAMS[kind]["prints"], result.outputs


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
