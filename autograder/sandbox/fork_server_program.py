"""The program of a fork server: it loads what submissions need, and forks for each of them.

It stands beside ``program.py`` in a sandbox in which no student code runs. Each fork first makes
namespaces of its own, and then does what a new process with ``program.py`` would do.
"""

import base64
import compileall
import contextlib
import ctypes
import gc
import os
import py_compile
import shutil
import signal
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


def load(settings: dict, recorder: program.OutputRecorder) -> tuple[object, dict]:
    """Import modules, as the student and not as root; return a shell and a reader, no file."""
    program.set_oom_score(program.STUDENT_SCORE - 1)  # so that forks can be told from it
    if settings["user"] is not None:  # root can be had back until `confine` gives it up
        os.setgroups([])
        os.setegid(settings["user"])
        os.seteuid(settings["user"])
    settings["files"] = compiled(settings["files"], os.path.join(settings["scratch"], "work"))
    home = program.make_home(settings)
    program.import_modules(settings["modules"])
    shell = program.make_shell(recorder)
    reader = program.make_reader(settings)
    spare_autoreload()
    shutil.rmtree(home)
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("the modules start threads, which no fork would have")
    gc.collect()
    gc.freeze()  # a fork that looks for garbage would copy all of this
    return shell, reader


def compiled(files: dict[str, bytes], folder: str) -> dict[str, bytes]:
    """Add to `files` what Python keeps in ``__pycache__``, with hashes of the sources."""
    program.write_files(folder, files)
    checked = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(folder, quiet=2, invalidation_mode=checked)
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    shutil.rmtree(folder, ignore_errors=True)
    return found


def spare_autoreload() -> None:
    """Let ``%autoreload`` look at no module that is loaded by now: their files cannot change."""
    autoreload = sys.modules.get("IPython.extensions.autoreload")
    if autoreload is None:
        return
    loaded, base = frozenset(sys.modules), autoreload.DeduperReloader
    find = autoreload.ModuleReloader.filename_and_mtime
    autoreload.ModuleReloader.filename_and_mtime = lambda reloader, module: (
        (None, None) if getattr(module, "__name__", None) in loaded else find(reloader, module)
    )

    class Deduper(base):
        def __init__(self) -> None:
            super().__init__()
            self.source_by_modname = dict.fromkeys(loaded, "")

    autoreload.DeduperReloader = Deduper


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
        flags = _NEWNS | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS | _NEWCGROUP
        if settings["user"] is not None:
            os.seteuid(0)
            os.setegid(0)
        else:
            flags |= _NEWUSER
        _unshare(flags)
        if os.fork():
            os._exit(0)
        program.set_oom_score(program.STUDENT_SCORE)
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
    for folder, names in environment.items():  # the Python environment may lie in there
        place = settings["staging"] if names else folder
        _mount("tmpfs", place, _NOSUID | _NODEV, f"mode=1777,size={size}")
        for name in names:
            os.mkdir(f"{place}/{name}")
            _mount("", f"{place}/{name}", _BIND | _REC, source=f"{folder}/{name}")
            _mount("", f"{place}/{name}", _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
        if names:
            _mount("", folder, _MOVE, source=place)
    proc = _NOSUID | _NODEV | _NOEXEC
    try:
        _mount("proc", "/proc", proc)
        whole = True
    except OSError:  # some containers forbid it
        whole = False
    if settings["user"] is not None:
        program.become(settings["user"])
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
    """Be a fork server; in its forks, serve a student."""
    control = program.open_socket()
    channel = program.Channel(control)
    settings = program.receive_settings(channel)
    environment = {folder: os.listdir(folder) for folder in settings["memory_folders"]}
    recorder = program.OutputRecorder()
    try:
        shell, reader = load(settings, recorder)
    except Exception as error:
        channel.send({"failed": f"{type(error).__name__}: {error}"})
        return
    channel.send({"id": 0})
    del channel
    channel = program.Channel(serve_forks(control, settings, environment))
    program.serve(channel, recorder, shell, reader, settings["files"])


if __name__ == "__main__":
    main()
