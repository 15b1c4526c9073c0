"""The first program in a sandbox: it loads what submissions need, before there is one.

Then it either becomes the student, or is a fork server and forks for each submission; no student
code runs in it then. Each fork makes namespaces of its own first.
"""

import base64
import compileall
import contextlib
import ctypes
import gc
import json
import os
import py_compile
import signal
import site
import socket
import sys
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
import program

# Students meet their own modules only.
del sys.path[0], sys.modules["program"]

# linux/sched.h
_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
# linux/mount.h
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _MOVE = 1, 2, 4, 8, 32, 4096, 8192
_REC, _PRIVATE = 16384, 1 << 18
# linux/prctl.h
_SET_DUMPABLE, _SET_SECCOMP, _DROP_BOUNDING, _AMBIENT, _CLEAR_ALL = 4, 22, 24, 47, 4
_FILTER, _CAPABILITIES_VERSION = 2, 0x20080522


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _mount(kind: str, target: str, flags: int, options: str = "", source: str = "") -> None:
    source, target, kind = (os.fsencode(text) for text in (source or kind, target, kind))
    _call("mount", source, target, kind, ctypes.c_ulong(flags), options.encode())


def _unshare(flags: int) -> None:
    """Leave namespaces; a new user namespace knows this user alone, under the same number."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", flags)
    if flags & _NEWUSER:
        _call("prctl", _SET_DUMPABLE, 1, 0, 0, 0)  # or these files belong to root
        maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, content in maps.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(content)


def _set_oom_score(score: int) -> None:
    """Let this process go first if the machine runs out of memory."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(score))


@contextlib.contextmanager
def _as_student(user: int | None):
    """Be the student if this is root, who can be had back until `_become` gives it up."""
    if user is not None:
        os.setgroups([])
        os.setegid(user)
        os.seteuid(user)
    yield
    if user is not None:
        os.seteuid(0)
        os.setegid(0)


def _become(user: int | None) -> None:
    """Give up root for the student; capabilities go with it."""
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def load(settings: dict, recorder: program.OutputRecorder) -> tuple[object, dict, dict]:
    """Import modules; return a shell, what reads a submission, and the assignment's files."""
    program.make_home()
    for folder in settings["packages"]:
        if folder not in sys.path:
            site.addsitedir(folder)
    program.write_files(dict(settings["font_cache"]), program.MATPLOTLIB)
    program.write_files(settings["files"])
    program.import_modules(settings["modules"])
    shell = program.make_shell(recorder)
    reader: dict = {"__name__": "reading_program"}
    if settings["reader"]:
        given = json.loads(settings["reader"])
        exec(compile(given["program"], "reading_program.py", "exec"), reader)
        reader["prepare"](program.WORK, given["rules"], given["cells"])
    if settings["rules"] and len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("the modules start threads, which no fork would have")
    spare_autoreload()
    return shell, reader, compiled()


def compiled() -> dict[str, str]:
    """All files of the assignment, with what Python keeps of them in ``__pycache__``."""
    checked = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(program.WORK, quiet=2, invalidation_mode=checked)
    paths = [path for path in Path(program.WORK).rglob("*") if path.is_file()]
    files = {str(path.relative_to(program.WORK)): path.read_bytes() for path in paths}
    return program.as_base64(files)


def spare_autoreload() -> None:
    """Let ``%autoreload`` look at no module that is loaded by now: their files cannot change."""
    if autoreload := sys.modules.get("IPython.extensions.autoreload"):
        loaded, find = frozenset(sys.modules), autoreload.ModuleReloader.filename_and_mtime
        autoreload.ModuleReloader.filename_and_mtime = lambda reloader, module: (
            (None, None) if getattr(module, "__name__", None) in loaded else find(reloader, module)
        )
        # It would read the text of all modules; without it, what changes is loaded as a whole.
        autoreload.DeduperReloader.enabled = property(lambda _: False, lambda *_: None)


def serve_forks(control: socket.socket, settings: dict, environment: dict) -> socket.socket:
    """Fork for each pair of sockets that arrives; return in each fork, with the first of them."""
    while True:
        size, descriptors, _, _ = socket.recv_fds(control, 100, 2)
        if not size:
            os._exit(0)  # the grader is gone
        channel, status = (socket.socket(fileno=number) for number in descriptors)
        with status:
            helper = os.fork()
            if helper == 0:
                control.close()
                enter(status, channel, size.decode(), settings, environment)
                return channel
        channel.close()
        os.waitpid(helper, 0)


def enter(
    status: socket.socket, channel: socket.socket, size: str, settings: dict, environment: dict
) -> None:
    """Enter namespaces of its own; return in the second process, whose end the first reports."""
    try:
        flags = _NEWNS | _NEWPID | _NEWIPC | _NEWUTS | _NEWCGROUP
        flags |= 0 if settings["network"] else _NEWNET
        _unshare(flags if settings["user"] is not None else flags | _NEWUSER)
        if os.fork():
            os._exit(0)
        _set_oom_score(program.STUDENT_SCORE)
        os.setsid()  # the kernel shares processors fairly between sessions
        confine(size, settings, environment)
        student = os.fork()
    except Exception as error:
        status.send(f"{type(error).__name__}: {error}".encode()[:1_000])
        os._exit(1)
    if student == 0:
        if "numpy.random" in sys.modules:  # Python's own generator starts anew after each fork
            sys.modules["numpy.random"].seed()
        return
    channel.close()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    status.send(b"\0")
    ended = 0
    while ended != student:
        ended, how = os.wait()
    code = os.waitstatus_to_exitcode(how)
    with contextlib.suppress(OSError):  # the grader may have left
        status.send(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def confine(size: str, settings: dict, environment: dict[str, list[str]]) -> None:
    """Leave nothing of the fork server in reach: files, processes, rights."""
    _mount("", "/", _REC | _PRIVATE)
    place = program.STAGING
    for folder, names in environment.items():  # the Python environment may lie in there
        _mount("tmpfs", place, _NOSUID | _NODEV, f"mode=1777,size={size}")
        for name in names:
            os.mkdir(f"{place}/{name}")
            _mount("", f"{place}/{name}", _BIND | _REC, source=f"{folder}/{name}")
            _mount("", f"{place}/{name}", _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
        _mount("", folder, _MOVE, source=place)
    proc = _NOSUID | _NODEV | _NOEXEC
    try:
        _mount("proc", "/proc", proc)
        whole = True
    except OSError:  # some containers forbid it
        whole = False
    _become(settings["user"])
    _unshare(_NEWUSER | _NEWNS)  # which locks all mounts: what lies below cannot be uncovered
    if whole:
        _mount("", "/proc", proc | _REMOUNT | _BIND | _RDONLY)
    else:
        _mount("tmpfs", "/proc", proc | _RDONLY, "size=4k,nr_inodes=2")
    for capability in range(64):  # the kernel knows fewer, and refuses the others
        _libc.prctl(_DROP_BOUNDING, capability, 0, 0, 0)
    _call("prctl", _AMBIENT, _CLEAR_ALL, 0, 0, 0)
    _call("capset", (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)())
    _call("prctl", _SET_DUMPABLE, 0, 0, 0, 0)
    rules = base64.b64decode(settings["rules"])
    _call("prctl", _SET_SECCOMP, _FILTER, ctypes.byref(_Filter(len(rules) // 8, rules)), 0, 0)


def main() -> None:
    """Load, then fork for each submission if there are rules for forks; serve a student."""
    descriptor = int(sys.argv[1])
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, 256)
    connection = socket.socket(fileno=descriptor)
    channel = program.Channel(connection)
    settings = channel.receive()
    environment = {folder: os.listdir(folder) for folder in program.MEMORY_FOLDERS}
    recorder = program.OutputRecorder()
    _set_oom_score(program.STUDENT_SCORE - 1)  # to tell it from those who serve a student
    gc.disable()  # imports make no garbage
    try:
        with _as_student(settings["user"]):
            loaded = load(settings, recorder)
    except Exception as error:
        channel.send({"failed": f"{type(error).__name__}: {error}"})
        return
    channel.send({"id": 0})
    gc.enable()
    if settings["rules"]:
        del channel
        gc.freeze()  # a fork that looks for garbage would copy all of this
        channel = program.Channel(serve_forks(connection, settings, environment))
    else:
        _set_oom_score(program.STUDENT_SCORE)
        _become(settings["user"])
    program.serve(channel, recorder, *loaded)


if __name__ == "__main__":
    main()
