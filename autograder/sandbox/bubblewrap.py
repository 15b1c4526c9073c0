"""Start a Python program inside a bubblewrap sandbox, watch its memory, and end it for certain."""

import contextlib
import functools
import json
import os
import platform
import select
import shutil
import signal
import site
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from autograder.sandbox import seccomp

SCRATCH = "/tmp"
OWN_SPACE = (SCRATCH, "/dev/shm")
"""Folders that are file systems in memory."""
_PROGRAMS = "/run"
_FILE_BYTES = 1_300  # measured for empty files with short names
_SOCKET_BYTES = 2 * 212_992  # net.core.wmem_max, which the kernel doubles
_STUDENT = 61184  # the first of the user numbers that systemd keeps for such purposes
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")  # those of bubblewrap's --dev
_PASSWD = f"student:x:{_STUDENT}:{_STUDENT}::/tmp/home:/bin/sh\n"
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "USER": "student",
    "LOGNAME": "student",
    "NBGRADER_EXECUTION": "autograde",  # as nbgrader sets it
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # One thread for each library: a sandbox has a limit on threads, and its share of the cores.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_NAMESPACES = [
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--die-with-parent", "--new-session"),
]
_HOST_NAME = ("--hostname", "sandbox")  # some containers forbid it; then the machine's can be read


class CannotStart(RuntimeError):
    """The program could not be started; the message is what bubblewrap said."""


def package_folders() -> list[Path]:
    """Return the folders from which this process imports installed packages."""
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return [Path(folder).resolve() for folder in folders if folder in sys.path]


class Bubblewrap:
    """A Python program in a sandbox.

    Parameters
    ----------
    program : Path
        Python file to run; it gets the number of `channel` as its only argument.
    beside : sequence of Path
        Files that lie beside it in there.
    builds_walls : bool
        Whether it may make namespaces and mounts within the sandbox.
    channel : int
        File descriptor that the program inherits.
    scratch_bytes : int
        Size of the scratch space, which is mounted at `SCRATCH`.
    hidden : sequence of Path
        Folders that stay invisible even where they lie inside the Python environment.

    Attributes
    ----------
    user : int or None
        User that the program has to become before it does anything else, if it starts as root.
    pid : int
        Its first process, which is bubblewrap's.
    said : str
        Messages of bubblewrap, known after `kill`.

    Raises
    ------
    CannotStart
        If there is no sandbox, with the reason.
    """

    def __init__(
        self,
        program: Path,
        channel: int,
        scratch_bytes: int,
        hidden: Sequence[Path] = (),
        beside: Sequence[Path] = (),
        builds_walls: bool = False,
    ) -> None:
        bwrap = _executable()
        if platform.machine() not in seccomp.ARCHITECTURES:
            raise CannotStart(
                f"the filter of system calls knows {' and '.join(seccomp.ARCHITECTURES)}, "
                f"but this machine is of the architecture {platform.machine()}"
            )
        mounts = _mounts(bwrap, scratch_bytes, hidden)
        self._programs = [program, *beside]
        self._builds_walls = builds_walls
        self.user = _STUDENT if os.geteuid() == 0 else None
        try:
            self._start(bwrap, channel, mounts)
        except CannotStart:
            if self.user is None:
                raise
            # Root of a container that lacks a second user or the right to use one: the way of
            # ordinary users works. Where this root is the machine's, the kernel keeps no limit on
            # its processes; the look at `usage` does. And root owns the devices and the settings
            # in /proc.
            self.user = None
            owned = [f"/dev/{name}" for name in _DEVICES]
            if "--proc" in mounts:
                owned.append("/proc")
            mounts += [word for path in owned for word in ("--remount-ro", path)]
            self._start(bwrap, channel, mounts)

    def _start(self, bwrap: str, channel: int, mounts: list) -> None:
        self._resources = contextlib.ExitStack()
        errors = _memory_file(self._resources)
        self._resources.callback(self._keep_complaint, errors)
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            news, news_end = _pipe(ours, theirs)
            gate_end, gate = _pipe(theirs, ours)
            passwd = _memory_file(theirs, _PASSWD.encode())
            sources = {
                f"{_PROGRAMS}/{path.name}": _memory_file(theirs, path.read_bytes())
                for path in self._programs
            }
            rules = _memory_file(theirs, seccomp.program(builds_walls=self._builds_walls))
            arguments = [
                *_NAMESPACES,
                *mounts,
                *("--perms", "0444", "--ro-bind-data", passwd, "/etc/passwd"),
                *(
                    word
                    for path, source in sources.items()
                    for word in ("--perms", "0444", "--ro-bind-data", source, path)
                ),
                *("--remount-ro", "/dev", "--remount-ro", "/"),
                *("--cap-drop", "ALL", "--info-fd", news_end, "--seccomp", rules),
            ]
            if may(bwrap, *_HOST_NAME):
                arguments += _HOST_NAME
            if self.user is None:
                arguments += ["--uid", _STUDENT, "--gid", _STUDENT]
            else:
                arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
                if self._builds_walls:
                    arguments += ["--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP"]
                arguments += ["--userns-block-fd", gate_end]
            # Not on the command line, because that can be read inside the sandbox.
            listing = b"".join(os.fsencode(str(argument)) + b"\0" for argument in arguments)
            listed = _memory_file(theirs, listing)
            command = [bwrap, "--args", str(listed), *python_command(next(iter(sources)), channel)]
            inherited = [channel, news_end, gate_end, passwd, *sources.values(), rules, listed]
            self._process = start_process(command, inherited, errors)
            self._init = None
            theirs.close()
            try:
                self.pid = _child_pid(news)
                self._init = os.pidfd_open(self.pid)
                self._resources.callback(os.close, self._init)
                if self.user is not None:
                    _map_users(self.pid, [os.geteuid(), self.user])
                    os.write(gate, b"1")
            except BaseException as error:
                self._abandon()
                if isinstance(error, OSError | ValueError):
                    raise CannotStart(self.said or str(error)) from error
                raise

    def _abandon(self) -> None:
        """End a sandbox that is not furnished yet.

        Its first process waits for bubblewrap, and would wait for ever for one that has ended.
        """
        if self._init is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._resources.close()

    def _keep_complaint(self, errors: int) -> None:
        self.said = os.pread(errors, 2_000, 0).decode(errors="replace").strip()

    def usage(self) -> tuple[int, int]:
        """Return the memory (bytes) of all processes, files and sockets, and the number of threads.

        A file counts with what the kernel needs for its name, a socket with what it can hold.
        """
        return usage_behind_walls(self.pid)

    def wait(self, seconds: float) -> int | None:
        """Return the exit code of the program if it ends within some seconds."""
        return exit_code(self._process, seconds)

    def kill(self) -> None:
        """End every process of the sandbox; return when none is left."""
        end(self._init)
        self._process.wait()
        self._resources.close()


def end(init: int) -> None:
    """End the first process of a process namespace, given as a pidfd, and with it all others.

    It ends only after the kernel has ended all others.
    """
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(init, signal.SIGKILL)
    poll = select.poll()
    poll.register(init, select.POLLIN)
    poll.poll()


def exit_code(process: subprocess.Popen, seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def python_command(program: str, channel: int) -> list[str]:
    # The interpreter itself, not the link in a virtual environment: it finds its standard library
    # from there. Isolated and without the site module, so that no folder or variable of a user has
    # a say in what is imported.
    interpreter = os.path.realpath(sys.executable)
    return [interpreter, "-I", "-S", "-B", program, str(channel)]


def start_process(command: list[str], inherited: list[int], errors: int | None) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        pass_fds=inherited,
        env=_ENVIRONMENT,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if errors is None else errors,
        start_new_session=True,
    )


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    read_end, write_end = os.pipe()
    reader.callback(os.close, read_end)
    writer.callback(os.close, write_end)
    return read_end, write_end


def _memory_file(owner: contextlib.ExitStack, content: bytes = b"") -> int:
    descriptor = os.memfd_create("sandbox")
    owner.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _child_pid(news: int) -> int:
    """Return the process number (in our namespace) of the sandbox's first process."""
    text = b""
    while b"}" not in text and (part := os.read(news, 1_000)):
        text += part
    return json.loads(text)["child-pid"]


def _map_users(pid: int, users: list[int]) -> None:
    """Let the user namespace of `pid` know `users`, and the groups of the same numbers."""
    for kind in ("uid_map", "gid_map"):
        lines = [f"{user} {user} 1\n" for user in users]
        Path(f"/proc/{pid}/{kind}").write_text("".join(lines))


def usage_behind_walls(init: int) -> tuple[int, int]:
    """Return memory (bytes) and threads of a sandbox with this first process, as `usage` does."""
    memory, threads = usage_of(init, counted=False)
    for folder in OWN_SPACE:
        with contextlib.suppress(OSError):
            space = os.statvfs(f"/proc/{init}/root{folder}")
            memory += (space.f_blocks - space.f_bfree) * space.f_frsize
            memory += (space.f_files - space.f_ffree) * _FILE_BYTES
    with contextlib.suppress(OSError), open(f"/proc/{init}/net/unix", "rb") as sockets:
        memory += (sum(1 for _ in sockets) - 1) * _SOCKET_BYTES  # below a headline
    return memory, threads


def usage_of(pid: int, counted: bool = True) -> tuple[int, int]:
    """Return resident memory (bytes) and number of threads of a process and its descendants.

    Without `counted` the memory of the process itself is left out: it waits for the others.
    """
    pages = threads = 0
    for process in descent(pid):
        folder = f"/proc/{process}"
        with contextlib.suppress(OSError):  # processes come and go
            if counted or process != pid:
                pages += int(Path(folder, "statm").read_text().split()[1])
            threads += len(os.listdir(f"{folder}/task"))
    return pages * os.sysconf("SC_PAGE_SIZE"), threads


def descent(pid: int) -> Iterator[int]:
    """Numbers of a process and its descendants."""
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        yield process
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                children = Path(f"/proc/{process}/task/{thread}/children").read_text()
                waiting += map(int, children.split())


def python_environment() -> list[Path]:
    """Return what Python needs: the interpreter, its library, packages."""
    base = Path(sys.base_prefix).resolve()
    return [Path(sys.executable).resolve(), base / "lib", *package_folders()]


def _mounts(bwrap: str, scratch_bytes: int, hidden: Sequence[Path]) -> list:
    """Return the arguments that make the file system of a sandbox."""
    visible = [*python_environment(), Path("/usr/bin"), Path("/usr/lib"), Path("/usr/lib64")]
    visible += [Path("/etc/ld.so.cache"), Path("/etc/alternatives")]  # to find shared libraries
    steps = {path: ["--ro-bind", path, path] for path in visible if path.exists()}
    for folder in {Path(folder).resolve() for folder in hidden}:
        if any(folder.is_relative_to(path) for path in visible):
            steps.setdefault(folder, ["--perms", "0755", "--tmpfs", folder])
    for name in ("/bin", "/lib", "/lib64"):
        if os.path.islink(name):
            steps[Path(name)] = ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            steps[Path(name)] = ["--ro-bind", name, name]
    # Without this bubblewrap gives the folders above a mount the rights they have outside, and
    # nobody but root may enter /root.
    for path in list(steps):
        for folder in path.parents[:-1]:
            steps.setdefault(folder, ["--perms", "0755", "--dir", folder])
    arguments = ["--proc", "/proc"] if may(bwrap, "--proc", "/proc") else ["--dir", "/proc"]
    arguments += ["--dev", "/dev"]
    for folder in OWN_SPACE:
        size = ["--size", scratch_bytes] if _knows_size(bwrap) else []
        arguments += ["--perms", "1777", *size, "--tmpfs", folder]
    # These come after the scratch space, because the environment may lie in a folder of that name;
    # and outer folders come before inner ones, which they would cover otherwise.
    for path in sorted(steps, key=lambda path: len(path.parts)):
        arguments += steps[path]
    return arguments


def _executable() -> str:
    path = shutil.which("bwrap")
    if path is None:
        raise CannotStart("bwrap: command not found")
    return path


@functools.cache
def _knows_size(bwrap: str) -> bool:
    """Whether bubblewrap can limit the size of a file system in memory (0.7 and newer can)."""
    return "--size" in subprocess.run([bwrap, "--help"], capture_output=True, text=True).stdout


@functools.cache
def may(bwrap: str, *options: str) -> bool:
    """Whether a sandbox can have this; containers forbid some things, such as a new /proc."""
    command = [bwrap, "--unshare-user", "--unshare-pid", "--unshare-uts", "--ro-bind", "/", "/"]
    result = subprocess.run([*command, *options, "/bin/true"], capture_output=True)
    return result.returncode == 0
