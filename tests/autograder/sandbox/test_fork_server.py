"""A fork is as good a sandbox as one that bubblewrap has made.

What student code meets in its namespaces is tested in `test_process.py`, for both kinds. Here are
the attacks on the fork server, and on who comes before and after.
"""

import base64
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from autograder.assignment import Assignment
from autograder.grading.calibration import calibrated
from autograder.limits import Limits
from autograder.sandbox import bubblewrap, fork_server
from autograder.sandbox.process import ProcessDied, StudentProcess
from autograder.sandbox.sandbox import Profile, SandboxLost
from tests.autograder.sandbox.test_process import (
    INSIDE,
    SECONDS,
    SMALL,
    attack,
    printed,
    processes_in,
    text_of,
)
from tests.support import courses


@pytest.fixture
def servers(monkeypatch):
    """No fork server yet; none is left."""
    fresh = fork_server.ForkServers()
    monkeypatch.setattr(fork_server, "fork_servers", fresh)
    yield fresh
    fresh._kept.clear()


@pytest.fixture
def victim():
    with StudentProcess({}, SMALL) as process:
        assert isinstance(process._sandbox, fork_server.Fork)
        yield process


def shown(process, source):
    result = attack(process, source)
    assert not result.failed, result.outputs
    return text_of(result)


# The namespaces

UNCOVER = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, *call):
    return name if getattr(libc, name)(*call) == 0 else ctypes.get_errno()
print(tried("umount2", b"/tmp", 2), tried("umount2", b"/proc", 2))
open("/tmp/kept", "w").close()
user = os.getuid()
print(tried("unshare", 0x10020000))  # a user namespace of its own: there it is root
for folder in (b"/tmp", b"/dev/shm", b"/proc", b"/"):
    print(tried("umount2", folder, 2), end=" ")
print(os.listdir("/tmp"), [name for name in os.listdir("/proc") if name.isdecimal()])
"""


def test_what_lies_below_cannot_be_uncovered_even_without_the_filter(servers, monkeypatch):
    allow_all = struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000)
    monkeypatch.setattr(bubblewrap.seccomp, "program", lambda **_: allow_all)
    with StudentProcess({}, SMALL) as process:
        without_rights, own_namespace, then = shown(process, UNCOVER).splitlines()
    assert without_rights == "1 1"  # EPERM
    assert own_namespace == "unshare"
    # 22: the mount is locked
    assert then.split(" [")[0] == "22 22 22 22"
    assert "'kept'" in then and then.endswith("['1', '2']")


def test_no_process_of_others_can_be_seen_or_ended(victim):
    with StudentProcess({}, SMALL) as neighbour:
        source = """
import signal
print(sorted(name for name in os.listdir("/proc") if name.isdecimal()), os.getppid())
def error_of(change, *arguments):
    try:
        return change(*arguments)
    except OSError as error:
        return error.errno
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGTERM):
    error_of(os.kill, 1, number)
print([error_of(os.kill, pid, 9) for pid in range(3, 5000) if error_of(os.kill, pid, 9) != 3])
print(error_of(open, "/proc/1/mem", "r+b"), error_of(os.listdir, "/proc/1/fd"))
print(error_of(os.readlink, "/proc/1/root"), open("/proc/self/cgroup").read().count("/.."))
"""
        processes, ended, memory, root = shown(victim, source).splitlines()
        assert printed(neighbour, "print(1)") == "1\n"
    assert processes == "['1', '2'] 1"
    assert ended == "[]"
    assert memory == "13 13"
    assert root.startswith("13 ")
    with StudentProcess({}, SMALL) as after:
        assert printed(after, "print(2)") == "2\n"


def test_nothing_of_the_fork_server_is_left_open_or_shared(victim):
    source = """
import gc, stat
kinds = {}
for number in range(256):
    try:
        kind = stat.S_IFMT(os.fstat(number).st_mode)
    except OSError:
        continue
    kinds[number] = {stat.S_IFSOCK: "socket", stat.S_IFREG: "file", stat.S_IFCHR: "device"}[kind]
print(sorted(kinds.values()))
print(sum(type(thing) is socket.socket for thing in gc.get_objects()))
print([line for line in open("/proc/self/maps") if line.split()[1][1::2] == "ws"])
print(os.listdir("/dev/shm"), sorted(os.listdir("/tmp")))
"""
    descriptors, sockets, shared, folders = shown(victim, source).splitlines()
    assert descriptors == str(["device"] + ["file"] * 4 + ["socket"])
    assert (sockets, shared) == ("1", "[]")
    prefix = Path(sys.prefix).resolve()  # an environment below /tmp has to be in sight there
    above = prefix.parts[2:3] if prefix.is_relative_to("/tmp") else ()
    assert folders == f"[] {sorted({'home', 'work', *above})}"


LEAVE = """
import builtins, json, random, sys
for folder in ("/tmp", "/tmp/work", "/tmp/home", "/dev/shm"):
    open(f"{folder}/left", "w").write("STOLEN")
for change in ("os.chmod('/tmp', 0)", "os.chmod('/dev/shm', 0)", "os.umask(0o777)"):
    try:
        eval(change)
    except OSError as error:
        print(error)
builtins.left = json.left = sys.left = "STOLEN"
os.environ["LEFT"] = "STOLEN"
random.random = os.listdir = lambda *_, **__: "STOLEN"
server = socket.socket(socket.AF_UNIX)
server.bind("\\0left")
server.listen()
if os.fork() == 0:
    os.setsid()
    while True: pass
"""
FIND = """
import builtins, json, random, sys
print([os.path.exists(f"{folder}/left") for folder in ("/tmp", ".", "/tmp/home", "/dev/shm")])
print([hasattr(one, "left") for one in (builtins, json, sys)], os.environ.get("LEFT"))
print(type(random.random()).__name__, type(os.listdir("/tmp")).__name__)
try:
    socket.socket(socket.AF_UNIX).connect("\\0left")
except OSError as error:
    print(error.errno)
"""


def test_a_submission_leaves_nothing_to_those_beside_and_after_it(victim):
    attack(victim, LEAVE)
    expected = "[False, False, False, False]\n[False, False, False] None\nfloat list\n111\n"
    with StudentProcess({}, SMALL) as beside:
        assert shown(beside, FIND) == expected
    victim.close()
    with StudentProcess({}, SMALL) as after:
        assert shown(after, FIND) == expected


def test_each_submission_has_random_numbers_of_its_own():
    source = (
        "import random, uuid, tempfile, numpy\n"
        "print(random.random(), numpy.random.rand(), numpy.random.default_rng().random(), "
        "uuid.uuid4(), tempfile.mktemp())"
    )
    rows = []
    for _ in range(2):
        with StudentProcess({}, SMALL, Profile(("numpy",))) as process:
            rows.append(printed(process, source).split())
    assert len(rows[0]) == 5
    assert all(one != other for one, other in zip(*rows, strict=True))


def test_the_hash_seed_is_renewed_from_time_to_time(servers, monkeypatch):
    monkeypatch.setattr(fork_server, "_FORKS", 1)
    seeds = []
    for _ in range(2):
        with StudentProcess({}, SMALL) as process:
            seeds.append(printed(process, "print(hash('seed'))"))
    assert seeds[0] != seeds[1]


@pytest.fixture(scope="module")
def imports(tmp_path_factory):
    """A calibrated assignment whose notebook and module import something."""
    helper = b"import mailbox\ndef later():\n    import poplib\n"
    cell = nbformat.v4.new_code_cell("import numpy, matplotlib, helper\nfrom wsgiref import util")
    text = nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))
    assignment = Assignment(text.encode(), {"helper.py": helper})
    return calibrated(assignment, Limits(), tmp_path_factory.mktemp("course"))[0]


def test_what_a_notebook_and_its_files_import_is_loaded_before_the_fork(imports):
    names = ["numpy.random", "wsgiref.util", "mailbox", "poplib", "helper"]
    with StudentProcess(imports.files, SMALL, Profile(imports.modules)) as process:
        source = f"import sys; print([name for name in {names} if name in sys.modules])"
        assert printed(process, source) == "['numpy.random', 'wsgiref.util', 'mailbox']\n"


def test_matplotlib_looks_for_fonts_only_the_first_time(imports, servers):
    look = "from matplotlib import font_manager as m; print(len(m.fontManager.ttflist))"
    with StudentProcess({}, SMALL) as process:
        assert int(printed(process, look)) > 1
    ((name, text),) = imports.font_cache
    empty = json.loads(base64.b64decode(text)) | {"ttflist": []}
    text = base64.b64encode(json.dumps(empty).encode()).decode()
    profile = Profile(("matplotlib.font_manager",), ((name, text),))
    for servers.refusal in ("", "so each sandbox starts from nothing"):
        with StudentProcess({}, SMALL, profile) as process:
            assert printed(process, look) == "0\n"


REWRITE = """
import os
def write(content):
    with open("own.py", "w") as file:
        file.write(content)
    os.utime("own.py", (os.stat("own.py").st_mtime + len(content),) * 2)
write("value = 1")
import own
"""


def test_autoreload_sees_what_changes_after_the_fork(servers):
    modules = ["IPython.extensions.autoreload"]
    with StudentProcess({}, SMALL, Profile(tuple(modules))) as process:
        printed(process, "%reload_ext autoreload\n%autoreload 2\n" + REWRITE)
        printed(process, "write('value = 1 + 1')")
        assert printed(process, "print(own.value)") == "2\n"


def test_the_files_of_the_assignment_are_compiled_before_the_fork(servers):
    files = {"lesson/helper.py": b"value = 1"}
    for change, value in (("0", 1), ("open('lesson/helper.py', 'w').write('value = 3')", 3)):
        with StudentProcess(files, SMALL, Profile(files=tuple(files.items()))) as process:
            asked = f"{change}; from lesson import helper; print(helper.value, helper.__cached__)"
            shown = printed(process, f"import os\n{asked}\nprint(os.listdir('lesson'))")
            assert shown.startswith(f"{value} /tmp/work/lesson/__pycache__/helper.cpython-")
            assert "__pycache__" in shown.splitlines()[1]


# The end


def server_of(process):
    return process._sandbox._server


def test_the_end_of_a_fork_server_is_no_fault_of_a_submission(servers):
    with StudentProcess({}, SMALL) as process:
        namespace = printed(process, "import os; print(os.readlink('/proc/self/ns/pid'))").strip()
        os.kill(server_of(process).sandbox._process.pid, signal.SIGKILL)
        with pytest.raises(SandboxLost):
            process.run_cell("import time; time.sleep(60)", SECONDS)
    assert processes_in(namespace) == []
    with StudentProcess({}, SMALL) as process:
        assert isinstance(process._sandbox, fork_server.Fork)
        assert printed(process, "print(1)") == "1\n"


def test_a_fork_server_ends_after_its_last_fork(servers):
    with StudentProcess({}, SMALL) as process:
        init = os.pidfd_open(server_of(process).sandbox.pid)
        servers._kept.clear()
        assert printed(process, "print(1)") == "1\n"
    ended = select.poll()
    ended.register(init, select.POLLIN)
    assert ended.poll(10_000)  # milliseconds
    os.close(init)


# Where a fork server cannot be


@pytest.mark.parametrize("refused", ["unshare", "mount"])
def test_where_the_kernel_refuses_namespaces_bubblewrap_makes_each_sandbox(
    servers, monkeypatch, refused
):
    row = bubblewrap.seccomp._TABLE["fork_server"]
    monkeypatch.setitem(row, "allowed", row["allowed"].replace(refused, ""))
    monkeypatch.setattr(bubblewrap.seccomp, "program", bubblewrap.seccomp.program.__wrapped__)
    with StudentProcess({}, SMALL) as process:
        assert isinstance(process._sandbox, bubblewrap.Bubblewrap)
        assert shown(process, "print(1)") == "1\n"
    assert servers.refusal == f"OSError: [Errno 38] {refused}: Function not implemented"


def test_modules_that_start_threads_are_imported_by_each_submission(servers, monkeypatch):
    source = "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\n"
    folders = bubblewrap.package_folders()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        Path(folder, "with_thread.py").write_text(source)
        monkeypatch.setattr(bubblewrap, "package_folders", lambda: [*folders, Path(folder)])
        with StudentProcess({}, SMALL, Profile(("numpy", "with_thread"))) as process:
            assert isinstance(process._sandbox, fork_server.Fork)
            asked = "import os, sys\nprint('with_thread' in sys.modules)"
            assert printed(process, asked) == "True\n"
            assert printed(process, "print(len(os.listdir('/proc/self/task')))") == "2\n"


@pytest.mark.parametrize("folder", ["/tmp", "/dev/shm"])
def test_packages_below_a_folder_in_memory_are_seen_in_a_fork(servers, monkeypatch, folder):
    installed = bubblewrap.package_folders()
    with tempfile.TemporaryDirectory(dir=folder, prefix="my packäge ") as place:
        os.chmod(place, 0o755)
        Path(place, "packages").mkdir()
        Path(place, "packages", "far_away.py").write_text("value = 7")
        folders = [*installed, Path(place, "packages")]
        monkeypatch.setattr(bubblewrap, "package_folders", lambda: folders)
        source = f"""
import far_away, os
print(far_away.value, os.listdir({place!r}), os.access({place!r}, os.W_OK))
for path in ({place!r}, {place + "/packages"!r}):
    try:
        open(path + "/left", "w")
    except OSError as error:
        print(type(error).__name__)
"""
        with StudentProcess({}, SMALL) as process:
            assert isinstance(process._sandbox, fork_server.Fork)
            lines = shown(process, source).splitlines()
        assert lines[0] == "7 ['packages'] False"
        assert set(lines[1:]) <= {"OSError", "PermissionError"} and len(lines) == 3


def test_many_forks_leave_no_process_mount_or_descriptor_behind(victim):
    def left():
        sandbox = server_of(victim).sandbox
        mounts = Path(f"/proc/{sandbox.pid}/mountinfo").read_text().count("\n")
        return mounts, len(os.listdir("/proc/self/fd"))

    before = left()
    for _ in range(5):
        with StudentProcess({}, Limits()) as process, pytest.raises(ProcessDied):
            attack(process, INSIDE + "os._exit(1)")
    assert left() == before


# Who grades


def private(path):
    """The outermost folder on the way to a path that only its owner may enter."""
    return next((one for one in path.parents[::-1] if not one.stat().st_mode & 0o001), None)


def as_an_ordinary_user(folder, *command):
    """Run a command as a user without rights; what root alone can reach is bound to its place."""
    needed = [courses.PROJECT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]
    hidden = {path: private(path) for path in needed if private(path)}
    kept = {path: folder / f"kept-{number}" for number, path in enumerate(hidden)}
    lines = ["set -e"]
    for path, place in kept.items():
        lines += [f"mkdir '{place}'", f"mount --bind '{path}' '{place}'"]
    lines += [f"mount -t tmpfs -o mode=755 tmpfs '{path}'" for path in set(hidden.values())]
    for path, place in kept.items():
        lines += [f"mkdir -p '{path}'", f"mount --bind '{place}' '{path}'"]
    user = "--reuid=12345 --regid=12345 --clear-groups --inh-caps=-all --bounding-set=-all"
    lines.append(f'exec setpriv {user} "$@"')
    home = folder / "home"
    home.mkdir()
    home.chmod(0o777)
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", "\n".join(lines), "sh", *command],
        cwd=courses.PROJECT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)},
        capture_output=True,
        text=True,
    )


OTHER_FILES = ("seccomp", "sandbox")


@pytest.mark.skipif(os.geteuid() != 0, reason="all tests run as an ordinary user already")
def test_a_fork_is_as_good_when_an_ordinary_user_grades():
    tried = subprocess.run(["unshare", "--mount", "setpriv", "--version"], capture_output=True)
    if tried.returncode:
        pytest.skip("root may not make a mount namespace here, or there is no setpriv")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        files = [__file__, *(Path(__file__).with_name(f"test_{name}.py") for name in OTHER_FILES)]
        tests = [sys.executable, "-m", "pytest", *files, "-q", "-p", "no:cacheprovider"]
        result = as_an_ordinary_user(Path(folder), *tests, "-k", "not cold")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\d\d passed, 1 skipped", result.stdout), result.stdout
