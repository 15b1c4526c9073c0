"""Start our program inside a sandbox that bubblewrap makes."""

import base64
import contextlib
import functools
import json
import os
import shutil
import site
import socket
import subprocess
import sys
from pathlib import Path

from autograder.sandbox import program, seccomp
from autograder.sandbox.sandbox import (
    HOW_TO_INSTALL,
    TABLE,
    Profile,
    Sandbox,
    SandboxUnavailable,
)

_PROGRAMS = [Path(__file__).with_name(f"{name}.py") for name in ("first_program", "program")]
_STUDENT = 61184  # the first of the user numbers that systemd keeps for such purposes
_HOST_NAME = ("--hostname", "sandbox")  # some containers forbid it; then the machine's can be read


def package_folders() -> list[Path]:
    """Return the folders from which this process imports installed packages."""
    folders = site.getsitepackages()
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return [Path(folder).resolve() for folder in folders if folder in sys.path]


class Bubblewrap(Sandbox):
    """A sandbox with our program, which has the number of `channel` there."""

    def __init__(
        self, channel: int, scratch_bytes: int, profile: Profile, forks: bool = False
    ) -> None:
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise SandboxUnavailable("bwrap: command not found", HOW_TO_INSTALL)
        self._profile, self._forks, self.network = profile, forks, profile.network
        self._user = _STUDENT if os.geteuid() == 0 else None
        mounts = _mounts(bwrap, scratch_bytes, profile)
        try:
            self._start(bwrap, channel, mounts)
        except SandboxUnavailable:
            if self._user is None:
                raise
            # Root of a container that lacks a second user or the right to use one: the way of
            # ordinary users works. Where this root is the machine's, the kernel keeps no limit on
            # its processes; `usage` does. And root owns the devices and the settings in /proc.
            self._user = None
            owned = [f"/dev/{name}" for name in TABLE["devices"]]
            if "--proc" in mounts:
                owned.append("/proc")
            mounts += [word for path in owned for word in ("--remount-ro", path)]
            self._start(bwrap, channel, mounts)

    def _start(self, bwrap: str, channel: int, mounts: list) -> None:
        super().__init__()
        errors = _memory_file(self._resources)
        self._resources.callback(self._keep_stderr, errors)
        status, status_end = socket.socketpair()  # it says who it is, and waits for an answer
        with status, contextlib.ExitStack() as theirs:
            theirs.enter_context(status_end)
            answer_end = theirs.enter_context(status_end.dup())
            files = {f"/run/{path.name}": path.read_bytes() for path in _PROGRAMS}
            first = next(iter(files))
            files |= {path: text.encode() for path, text in TABLE["files"].items()}
            given = {path: _memory_file(theirs, content) for path, content in files.items()}
            allowed = seccomp.program(makes_namespaces=self._forks, network=self.network)
            rules = _memory_file(theirs, allowed)
            arguments = [*TABLE["options"].split(), *mounts]
            if not self.network:
                arguments.append("--unshare-net")
            for path, source in given.items():
                arguments += ["--perms", "0444", "--ro-bind-data", source, path]
            arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--cap-drop", "ALL"]
            arguments += ["--info-fd", status_end.fileno(), "--seccomp", rules]
            if may(bwrap, *_HOST_NAME):
                arguments += _HOST_NAME
            if self._user is None:
                arguments += ["--uid", _STUDENT, "--gid", _STUDENT]
            else:
                kept = ["SETUID", "SETGID", *(["SYS_ADMIN", "SETPCAP"] if self._forks else [])]
                arguments += [word for name in kept for word in ("--cap-add", f"CAP_{name}")]
                arguments += ["--userns-block-fd", answer_end.fileno()]
            # Not on the command line, because that can be read inside the sandbox.
            listing = b"".join(os.fsencode(str(argument)) + b"\0" for argument in arguments)
            listed = _memory_file(theirs, listing)
            # The interpreter itself, not the link in a virtual environment: it finds its standard
            # library from there. Isolated and without the site module, so that no folder or
            # variable of a user has a say in what is imported.
            python = [os.path.realpath(sys.executable), "-I", "-S", "-B", first, str(channel)]
            ends = (channel, status_end.fileno(), answer_end.fileno())
            self._process = subprocess.Popen(
                [bwrap, "--args", str(listed), *python],
                pass_fds=[*ends, *given.values(), rules, listed],
                env=TABLE["environment"],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
            theirs.close()
            try:
                self._found(_child_pid(status))
                if self._user is not None:
                    _map_users(self.pid, [os.geteuid(), self._user])
                    status.send(b"1")
            except BaseException as error:
                self.kill()
                if isinstance(error, OSError | ValueError):
                    raise SandboxUnavailable(self.stderr or str(error)) from error
                raise

    def load(self, connection: socket.socket) -> None:
        """Let our program load what is given, which `connection` leads to."""
        rules = seccomp.program(network=self.network) if self._forks else b""
        settings = {
            **self._profile._asdict(),
            "hidden": (),
            "files": program.as_base64(dict(self._profile.files)),
            "packages": [str(folder) for folder in package_folders()],
            "user": self._user,
            "rules": base64.b64encode(rules).decode(),
        }
        try:
            channel = program.Channel(connection)
            channel.send(settings)
            answer = channel.receive()
        except (OSError, EOFError, ValueError) as error:
            self.kill()
            raise SandboxUnavailable(self.stderr or str(error)) from error
        if "failed" in answer:
            self.kill()
            raise SandboxUnavailable(answer["failed"], TABLE["advice"]["readable"])

    def _keep_stderr(self, errors: int) -> None:
        self.stderr = os.pread(errors, 2_000, 0).decode(errors="replace").strip()

    def wait(self, seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        super().kill()  # a first process that is not ready would wait for a bubblewrap that is gone


def _memory_file(owner: contextlib.ExitStack, content: bytes = b"") -> int:
    descriptor = os.memfd_create("sandbox")
    owner.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _child_pid(status: socket.socket) -> int:
    text = b""
    while b"}" not in text and (part := status.recv(1_000)):
        text += part
    return json.loads(text)["child-pid"]


def _map_users(pid: int, users: list[int]) -> None:
    """Let the user namespace of `pid` know `users`, and the groups of the same numbers."""
    for kind in ("uid_map", "gid_map"):
        lines = [f"{user} {user} 1\n" for user in users]
        Path(f"/proc/{pid}/{kind}").write_text("".join(lines))


def _mounts(bwrap: str, scratch_bytes: int, profile: Profile) -> list:
    """Return the arguments that make the file system of a sandbox."""
    python = [Path(sys.executable).resolve(), Path(sys.base_prefix).resolve() / "lib"]
    named = TABLE["visible"] + (TABLE["visible_with_network"] if profile.network else [])
    visible = [*python, *package_folders(), *map(Path, named)]
    steps = {path: ["--ro-bind", path, path] for path in visible if path.exists()}
    for folder in {Path(folder).resolve() for folder in profile.hidden}:
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
    arguments += ["--dir", program.STAGING, "--perms", "0755", "--tmpfs", "/dev"]
    for name, source in TABLE["devices"].items():
        arguments += ["--dev-bind", f"/dev/{source}", f"/dev/{name}"]
    for name, target in TABLE["links"].items():
        arguments += ["--symlink", target, name]
    for folder in program.MEMORY_FOLDERS:
        size = ["--size", scratch_bytes] if _knows_size(bwrap) else []
        arguments += ["--perms", "1777", *size, "--tmpfs", folder]
    # These come after the scratch space, because the environment may lie in a folder of that name;
    # and outer folders come before inner ones, which they would cover otherwise.
    for path in sorted(steps, key=lambda path: len(path.parts)):
        arguments += steps[path]
    return arguments


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
