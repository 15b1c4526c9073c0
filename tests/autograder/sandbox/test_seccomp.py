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

FOLDER = Path(__file__).parent

# What a course may use

PROGRAMS = tomllib.loads((FOLDER / "course_programs.toml").read_text())


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
REFUSED = {
    name: [one.encode("latin-1") if isinstance(one, str) else one for one in call]
    for name, call in tomllib.loads((FOLDER / "refused_calls.toml").read_text()).items()
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
