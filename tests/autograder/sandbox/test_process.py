"""Student code runs as in a notebook, and reaches nothing outside its sandbox.

A hostile test first lets the student's code prove that it is inside: `attack` puts `INSIDE` before
the code, which does nothing at all outside of a sandbox. Limits are small, so that nothing is slow.
"""

import base64
import dataclasses
import os
import resource
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from autograder.limits import MEGABYTE, Limits
from autograder.sandbox import bubblewrap
from autograder.sandbox import process as sandbox
from autograder.sandbox.process import ProcessDied, SandboxUnavailable, StudentError, StudentProcess
from autograder.sandbox.protocol import Placeholder
from autograder.sandbox.sandbox import Profile

SMALL = Limits(
    memory_bytes=500 * MEGABYTE,
    processes=12,
    scratch_bytes=4 * MEGABYTE,
    file_bytes=2 * MEGABYTE,
    output_bytes=2_000,
    result_bytes=50_000,
    result_items=500,
)
FILES = {"helper.py": b"answer = 42\n"}
SECONDS = 30
BASE = [part for path in (sys.base_prefix, sys.prefix) for part in Path(path).parts]
INSIDE = f"""
import os, socket
assert os.getpid() < 10 and socket.gethostname() == "sandbox"
assert not os.path.exists({__file__!r})
"""


@pytest.fixture(scope="module")
def student():
    """A process for code that does no harm; tests share it."""
    with StudentProcess(FILES, SMALL) as process:
        yield process


@pytest.fixture(params=["warm", "cold"])
def kind_of_start(request):
    """Sandboxes of each of the two kinds."""
    if request.param == "cold":
        request.getfixturevalue("cold")


@pytest.fixture
def victim(kind_of_start):
    """A process for code that does harm."""
    with StudentProcess(FILES, SMALL) as process:
        yield process


def attack(process, source, seconds=SECONDS):
    return process.run_cell(INSIDE + source, seconds)


def text_of(result):
    return "".join(output.get("text", "") for output in result.outputs)


def printed(process, source):
    result = process.run_cell(source, SECONDS)
    assert not result.failed, result.outputs
    return text_of(result)


# A notebook's habits


def test_a_cell_answers_with_its_output_in_order(student):
    source = """
import os, sys
print("one")
print("two", file=sys.stderr)
os.system("echo three")
display(4)
5
"""
    result = student.run_cell(source, SECONDS)
    assert not result.failed
    shown = [output.get("text") or output["data"]["text/plain"] for output in result.outputs]
    assert shown == ["one\n", "two\n", "three\n", "4", "5"]
    assert [output["output_type"] for output in result.outputs] == [
        *["stream"] * 3,
        "display_data",
        "execute_result",
    ]


def test_an_error_fails_the_cell_and_names_its_line(student):
    result = student.run_cell("x = 1\nx / 0", SECONDS)
    assert result.failed
    [error] = result.outputs
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert "line" in "".join(error["traceback"])


@pytest.mark.parametrize("source", ["def (", "raise SystemExit", "exit()", "\ud800"])
def test_a_cell_that_cannot_run_or_wants_to_stop_fails(student, source):
    assert student.run_cell(source, SECONDS).failed
    assert printed(student, "print(1)") == "1\n"


def test_names_magics_and_await_work_across_cells(student):
    printed(student, "%matplotlib inline\n%load_ext autoreload\n%autoreload 2\nimport asyncio")
    assert printed(student, "await asyncio.sleep(0); print(__name__)") == "__main__\n"
    assert printed(student, "!echo shell") == "shell\n"


def test_the_files_of_the_assignment_are_in_the_working_directory(student):
    assert printed(student, "import helper; print(helper.answer)") == "42\n"
    assert printed(student, "print(open('helper.py').read())") == "answer = 42\n\n"


def test_a_figure_becomes_a_picture_without_a_word_on_stderr(student):
    source = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    [output] = student.run_cell(source, SECONDS).outputs
    assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")


def test_input_is_refused_instead_of_waiting(student):
    [error] = student.run_cell("input('?')", SECONDS).outputs
    assert "nobody is there" in error["evalue"]


def test_libraries_use_one_thread(student):
    source = "import numpy as np, os\nnp.ones((300, 300)) @ np.ones((300, 300))"
    printed(student, source)
    assert printed(student, "print(len(os.listdir('/proc/self/task')))") == "1\n"


def test_what_is_shown_last_survives_a_progress_display(student):
    source = """
from IPython.display import clear_output
for number in range(3000):
    clear_output(wait=True)
    print(number)
"""
    assert printed(student, source) == "2999\n"


def test_very_many_displays_are_cut_off(student):
    result = student.run_cell("for _ in range(2000): display(1)", SECONDS)
    assert not result.failed
    assert "cut off" in text_of(result)


# Calls


def test_a_function_is_called_with_plain_data(student):
    printed(student, "import numpy as np\ndef double(x, y): return {'W1': 2 * np.array(x), 'y': y}")
    value = student.call("double", [[1, 2], "text"], SECONDS)
    np.testing.assert_array_equal(value["W1"], [2, 4])
    assert value["y"] == "text"


def test_changes_of_a_list_argument_are_mirrored(student):
    printed(student, "def change(x): x.append(3); x[0][0] = 7")
    argument = [[1], 2]
    assert student.call("change", [argument], SECONDS) is None
    assert argument == [[7], 2, 3]


def test_arguments_may_be_as_deep_as_results(student):
    printed(student, "def same(x): return x")
    argument = [1]
    for _ in range(SMALL.result_depth - 2):
        argument = [argument]
    assert student.call("same", [argument], SECONDS) == argument


def test_a_list_that_grew_too_large_comes_back_as_a_placeholder(student):
    printed(student, "def grow(x): x.extend(range(1000))")
    argument = [1]
    student.call("grow", [argument], SECONDS)
    assert isinstance(argument[0], Placeholder)


def test_an_error_in_a_function_arrives_with_the_students_lines(student):
    printed(student, "def outer():\n    return inner()\ndef inner():\n    return [][1]")
    with pytest.raises(StudentError) as caught:
        student.call("outer", [], SECONDS)
    assert caught.value.type_name == "IndexError"
    assert caught.value.message == "list index out of range"
    assert caught.value.frames == [(2, "return inner()"), (4, "return [][1]")]


@pytest.mark.parametrize("error", ["SystemExit(0)", "KeyboardInterrupt", "GeneratorExit", "Evil()"])
def test_no_error_of_a_function_ends_the_process(student, error):
    printed(
        student,
        "class Evil(BaseException):\n"
        "    def __str__(self): raise SystemExit\n"
        f"def bad(): raise {error}",
    )
    with pytest.raises(StudentError):
        student.call("bad", [], SECONDS)
    assert "bad" in student.functions(10)


def test_a_missing_function_is_a_name_error(student):
    assert not {"nowhere", "__name__"} & student.functions(10)
    with pytest.raises(StudentError, match="NameError: name 'nowhere' is not defined"):
        student.call("nowhere", [], SECONDS)


# What the sandbox holds


def test_nothing_of_the_outside_can_be_seen(monkeypatch):
    outside = [str(Path.home() / ".bashrc"), __file__, sandbox.__file__, f"{os.getcwd()}/tests"]
    source = f"""
import sys
print([path for path in {outside!r} if os.path.exists(path)])
print("SECRET" in os.environ, os.environ["HOME"])
print({{"home", "mnt", "srv", "var", "sys", "boot"}} & set(os.listdir("/")) - set({BASE!r}))
"""
    monkeypatch.setenv("SECRET", "in the grader's environment")
    with StudentProcess(FILES, SMALL) as process:
        shown = text_of(attack(process, source))
    assert shown == "[]\nFalse /tmp/home\nset()\n"


def test_there_is_no_network(victim):
    source = """
for address in [("127.0.0.1", 22), ("1.1.1.1", 53)]:
    try:
        socket.create_connection(address, timeout=2)
    except OSError as error:
        print(error.errno)
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        print(error.errno)
"""
    assert text_of(attack(victim, source)) == "97\n" * 6


WEB = """
import urllib.request
print(urllib.request.urlopen("http://localhost:{port}/", timeout=9).read().decode())
for family in (socket.AF_NETLINK, socket.AF_PACKET, socket.AF_UNIX):
    try:
        socket.socket(family, socket.SOCK_RAW)
    except OSError as error:
        print(error.errno)
try:
    socket.create_server(("127.0.0.1", {port}))
except OSError as error:
    print(error.errno)
"""


def test_where_the_network_is_allowed_a_server_is_reached(kind_of_start):
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = WEB.format(port=server.getsockname()[1])

        def answer():
            with server.accept()[0] as connection:
                connection.recv(1_000)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")

        threading.Thread(target=answer, daemon=True).start()
        with StudentProcess(FILES, SMALL, Profile(network=True)) as process:
            # 38: no such system call; 98: the address is in use, by the server outside
            assert text_of(attack(process, source)) == "hello\n38\n38\n38\n98\n"
            pairs = "kept = [socket.socketpair() for _ in range(99)]"
            assert "Too many open files" in str(attack(process, pairs).outputs)
        with StudentProcess(FILES, SMALL) as process:
            assert attack(process, source).outputs[-1]["ename"] == "URLError"


def test_only_the_scratch_space_can_be_written(victim):
    source = """
import sys
writable = []
for top, folders, _ in os.walk("/"):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ("/proc", "/usr")]
    if os.access(top, os.W_OK):
        writable.append(top)
        folders.clear()
print(sorted(set(writable)))
print(os.access(os.__file__, os.W_OK), os.access(sys.executable, os.W_OK))
"""
    assert text_of(attack(victim, source)) == "['/dev/shm', '/tmp']\nFalse False\n"


def test_the_process_has_no_privileges_and_gets_none(victim):
    source = """
status = open("/proc/self/status").read()
for name in ("CapEff", "CapPrm", "NoNewPrivs", "Uid"):
    print(*next(line for line in status.splitlines() if line.startswith(name)).split()[1:])
"""
    capabilities, permitted, locked, users = text_of(attack(victim, source)).splitlines()
    assert int(capabilities, 16) == int(permitted, 16) == 0
    assert locked == "1"
    assert set(users.split()) == {"61184"}


FORKS = """
import time
started = 0
try:
    while started < 100:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        started += 1
    time.sleep(60)
except OSError as error:
    print(started, error.errno)
"""


def test_a_container_that_masks_proc_and_the_host_name_is_good_enough(cold, monkeypatch):
    monkeypatch.setattr(bubblewrap, "may", lambda bwrap, *options: False)
    with StudentProcess({}, SMALL) as process:
        source = (
            "import os, numpy, matplotlib.pyplot\nprint(os.listdir('/proc'), os.uname().nodename)"
        )
        assert printed(process, source) == f"[] {os.uname().nodename}\n"


OWNED_BY_ROOT = """
def error_of(change, *arguments):
    try:
        change(*arguments)
    except OSError as error:
        return error.errno

mode = os.stat("/dev/full").st_mode
print(error_of(os.chmod, "/dev/full", mode), error_of(open, "/proc/sys/vm/swappiness", "a"))
"""


def test_a_root_that_has_no_second_user_is_good_enough(cold, monkeypatch):
    def refuse(pid, users):
        raise PermissionError

    monkeypatch.setattr(bubblewrap, "_map_users", refuse)
    limits = dataclasses.replace(SMALL, memory_bytes=3_000 * MEGABYTE)
    with StudentProcess({}, limits) as process:
        assert text_of(attack(process, "print(os.getuid())")) == "61184\n"
        # Read-only for root; an ordinary user has no right to change them.
        refused = "30 30\n" if os.geteuid() == 0 else "1 13\n"
        assert text_of(attack(process, OWNED_BY_ROOT)) == refused
        # The limit on processes is kept by the kernel (error 11), or else by the grader.
        try:
            assert text_of(attack(process, FORKS)).endswith(" 11\n")
        except ProcessDied as death:
            assert "more than 12 processes" in str(death)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root furnishes a sandbox in two steps")
def test_a_sandbox_that_could_not_be_furnished_leaves_no_process(cold, monkeypatch):
    refused = []

    def refuse(pid, users):
        refused.append(os.pidfd_open(pid))
        raise PermissionError

    monkeypatch.setattr(bubblewrap, "_map_users", refuse)
    with StudentProcess({}, SMALL):
        pass
    ended = select.poll()
    ended.register(refused[0], select.POLLIN)
    assert ended.poll(10_000)  # milliseconds
    os.close(refused[0])


def test_a_folder_inside_the_python_environment_can_be_hidden():
    folder = bubblewrap.package_folders()[0]
    source = f"import os; print(os.listdir({str(folder / 'numpy')!r}))"
    with StudentProcess({}, SMALL) as process:
        assert printed(process, source) != "[]\n"
    with StudentProcess({}, SMALL, Profile(hidden=(folder / "numpy",))) as process:
        assert printed(process, INSIDE + source) == "[]\n"


# Too much of everything


def test_an_endless_call_is_stopped(victim):
    attack(victim, "def loop():\n    while True: pass")
    with pytest.raises(ProcessDied, match="longer than"):
        victim.call("loop", [], 0.3)


def test_one_large_object_is_a_memory_error(victim):
    result = attack(victim, "x = bytearray(600_000_000)")
    assert result.failed
    assert result.outputs[-1]["ename"] == "MemoryError"
    assert printed(victim, "print(1)") == "1\n"


def test_a_fork_bomb_stops_at_the_limit_on_processes(victim):
    started, error = text_of(attack(victim, FORKS)).split()
    assert int(started) < SMALL.processes
    assert int(error) == 11  # EAGAIN


def test_files_and_scratch_space_have_a_size(victim):
    source = """
def fill(path):
    try:
        with open(path, "wb") as file:
            for _ in range(200):
                file.write(bytes(100_000))
                file.flush()
    except OSError as error:
        return error.errno
print([fill(f"file{number}") for number in range(4)], fill("/dev/shm/file"))
"""
    # 27: the file is too large; 28: no space is left
    assert text_of(attack(victim, source)) == "[27, 28, 28, 28] 27\n"


def test_files_count_as_memory_where_bubblewrap_cannot_limit_them(cold, monkeypatch):
    monkeypatch.setattr(bubblewrap, "_knows_size", lambda bwrap: False)
    limits = dataclasses.replace(SMALL, memory_bytes=300 * MEGABYTE, file_bytes=100 * MEGABYTE)
    source = """
import time
for number in range(4):
    open(f"file{number}", "wb").write(bytes(90_000_000))
time.sleep(60)
"""
    with StudentProcess({}, limits) as process, pytest.raises(ProcessDied, match="300 MB"):
        attack(process, source)


@pytest.mark.parametrize(
    "flood",
    [
        "while True: print('x' * 1000)",
        "import sys\nwhile True: sys.stderr.write('x' * 100)",
        "while True: display('x' * 1000)",
        "import subprocess\nsubprocess.run(['yes'])\nraise SystemExit",
    ],
)
def test_a_flood_of_output_leaves_the_graders_memory_flat(victim, flood):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        result = attack(victim, flood, seconds=1)
    except ProcessDied as death:
        assert "longer than" in str(death)
    else:
        assert len(str(result.outputs)) < 10_000
        assert "output cut off after 2000 bytes" in str(result.outputs)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_long_output_is_cut_off_and_says_so(student):
    text = printed(student, "print('x' * 5000)")
    assert len(text) < 2_100
    assert "output cut off after 2000 bytes" in text
    [error] = student.run_cell("raise ValueError('x' * 1_000_000)", SECONDS).outputs
    assert len(str(error)) < 10_000


# A process that answers what it likes: student code finds the socket and writes to it

FORGE = """
import gc, json, socket
[channel] = [x for x in gc.get_objects() if type(x) is socket.socket]
def forge(data):
    channel.sendall(data + b"\\n")
def answer(**body):
    forge(json.dumps(body).encode())
def run_away():
    import time
    time.sleep(60)
"""


@pytest.mark.parametrize(
    "lie",
    [
        "forge(b'')",
        "forge(b'not JSON')",
        "forge(b'[' * 100000)",
        "forge(b'[]')",
        "answer(id=99, outputs=[], failed=False)",
        "answer(id=1)",
        "answer(id=1, failed=False)",
        "answer(id=1, failed=0, outputs=[])",
        "answer(id=1, failed=False, outputs={})",
        "answer(id=1, failed=False, outputs=[1])",
        "answer(id=1, failed=False, outputs=[{'output_type': 'update_display_data'}])",
        "answer(id=1, failed=False, outputs=[{'output_type': 'stream', 'name': 1, 'text': []}])",
        "channel.sendall(bytes(5_000_000))",
        "os.close(channel.fileno())",
        "channel.shutdown(socket.SHUT_RDWR)",
    ],
)
def test_a_forged_answer_ends_the_process_and_nothing_else(victim, lie):
    with pytest.raises(ProcessDied):
        attack(victim, f"{FORGE}\n{lie}\nrun_away()")


def test_a_process_that_does_not_read_is_stopped(victim):
    early = FORGE + "answer(id=1, outputs=[], failed=False)\nrun_away()"
    assert not attack(victim, early).failed
    with pytest.raises(ProcessDied, match="longer than"):
        victim.run_cell("#" * MEGABYTE, 0.5)


def test_a_flood_of_answers_is_not_read(victim):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ProcessDied, match=r"at once|not asked|not JSON|longer than"):
        attack(victim, FORGE + "while True: answer(id=5, text='x' * 100000)", seconds=2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_an_answer_that_drips_in_is_not_waited_for(victim):
    source = FORGE + "import time\nwhile True: channel.sendall(b'\\0'); time.sleep(0.05)"
    victim.limits = dataclasses.replace(victim.limits, image_bytes=10**9)
    with pytest.raises(ProcessDied):
        attack(victim, source, seconds=0.3)


@pytest.mark.parametrize("value", ["None", "{'array': 1}", "[[[[]]]]*300", "{'object': {}}"])
def test_a_forged_value_ends_the_process_and_nothing_else(victim, value):
    body = f"answer(id=2, value={value}, arguments=[1, 2, 3])"
    attack(victim, f"{FORGE}\ndef cheat():\n    {body}\n    run_away()")
    with pytest.raises(ProcessDied):
        victim.call("cheat", [], SECONDS)


def test_after_its_end_a_process_answers_nothing(victim):
    with pytest.raises(ProcessDied, match=r"exit code 3"):
        attack(victim, "os._exit(3)")
    with pytest.raises(ProcessDied):
        victim.run_cell("1", SECONDS)
    victim.close()


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL"])
def test_the_reason_names_the_signal_that_ended_a_process(victim, name):
    with pytest.raises(ProcessDied, match=name):
        attack(victim, f"import signal\nos.kill(os.getpid(), signal.{name})")


def test_a_copy_of_the_process_does_not_answer(victim):
    result = attack(victim, "if os.fork() == 0:\n    print('copy')\nelse:\n    print('original')")
    assert text_of(result) == "original\n"
    assert printed(victim, "print(2)") == "2\n"


# The end


DAEMON = """
import time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: time.sleep(60)
    os._exit(0)
os.wait()
print(os.readlink("/proc/self/ns/pid"))
"""


def processes_in(namespace):
    """Those that run: one that has ended is listed until its parent has asked for its exit code."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(") ")[2][0]
            if os.readlink(process / "ns" / "pid") == namespace and state not in "ZX":
                found.append(process.name)
        except OSError:
            continue
    return found


def test_no_process_outlives_the_submission(victim):
    namespace = text_of(attack(victim, DAEMON)).strip()
    assert len(processes_in(namespace)) >= 2
    victim.close()
    assert processes_in(namespace) == []


def test_a_sandbox_dies_with_its_grader():
    source = f"""
import os, sys
sys.path.insert(0, {str(Path(bubblewrap.__file__).parents[2])!r})
from autograder.sandbox.process import *
process = StudentProcess({{}}, Limits())
print(process._sandbox.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    process = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    with process:
        pid = int(process.stdout.readline())
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with open(descriptor):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        assert poll.poll(30_000)


def test_closing_twice_and_using_no_descriptor_up(student):
    before = len(os.listdir("/proc/self/fd"))
    with StudentProcess({}, SMALL) as process:
        process.close()
    assert len(os.listdir("/proc/self/fd")) == before


# No sandbox


def test_without_bubblewrap_one_message_says_how_to_get_it(cold, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxUnavailable, match="sudo apt-get install bubblewrap"):
        sandbox.check_sandbox()


def test_where_namespaces_are_refused_the_message_says_what_to_do(cold, monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(
        SandboxUnavailable, match="No permissions to create new namespace"
    ) as caught:
        sandbox.check_sandbox()
    assert "kernel.apparmor_restrict_unprivileged_userns" in str(caught.value)


def test_a_sandbox_that_cannot_be_furnished_says_why(cold, monkeypatch):
    monkeypatch.setattr(bubblewrap, "_mounts", lambda *_: ["--ro-bind", "/nowhere", "/nowhere"])
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SandboxUnavailable, match="/nowhere: No such file"):
        StudentProcess({}, SMALL)
    assert len(os.listdir("/proc/self/fd")) == descriptors
