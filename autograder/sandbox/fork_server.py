"""Fork servers, our end: a sandbox that has loaded modules, and forks for each submission.

Each fork makes namespaces of its own. Where the kernel refuses that, bubblewrap makes each sandbox.
Where a module starts threads, which no fork would have, each submission imports what it needs.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import weakref

from autograder.sandbox.bubblewrap import Bubblewrap
from autograder.sandbox.sandbox import Profile, Sandbox, SandboxLost, SandboxUnavailable

_START_SECONDS = 60
_ENDING_SECONDS = 2
_SCRATCH_BYTES = 50_000_000  # of the fork server itself
_FORKS = 200  # of one fork server; the next one has another seed for hashes
_PROFILES = 3  # fork servers at a time: an assignment may have several notebooks
_ENDED = "the fork server has ended"
_CREDENTIALS = struct.Struct("3i")  # process, user, group
COLD = (
    "each sandbox starts from nothing, which takes about half a second more for each submission, "
    "because none can be forked here: {}"
)


class Fork(Sandbox):
    """A sandbox within a fork server, which has become the student already."""

    def __init__(self, server: ForkServer, channel: int, scratch_bytes: int) -> None:
        super().__init__()
        self._server = server
        self.network = server.sandbox.network
        server.forks += 1
        try:
            status, far_end = socket.socketpair()
            self._status = self._resources.enter_context(status)
            with far_end:
                status.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                status.settimeout(_START_SECONDS)
                size = str(scratch_bytes).encode()
                socket.send_fds(server.control, [size], [channel, far_end.fileno()])
            message, ancillary, _, _ = status.recvmsg(1_000, socket.CMSG_SPACE(_CREDENTIALS.size))
            if not message:
                raise SandboxLost(_ENDED)
            if message != b"\0":
                raise SandboxUnavailable(message.decode(errors="replace"))
            # The kernel says who has sent it, by the numbers that processes have here.
            self._found(_CREDENTIALS.unpack(ancillary[0][2])[0])
        except BaseException as error:
            self._resources.close()
            if isinstance(error, OSError):
                raise SandboxLost(_ENDED) from error
            raise

    def wait(self, seconds: float) -> int | None:
        code = None
        with contextlib.suppress(OSError):  # nothing arrived, or `kill` has closed it
            self._status.settimeout(seconds)
            code = self._status.recv(1)
        if code == b"" and self._server and self._server.sandbox.wait(_ENDING_SECONDS) is not None:
            raise SandboxLost(_ENDED)
        return code[0] if code else None

    def kill(self) -> None:
        super().kill()
        self._server = None  # which ends if this was its last fork


class ForkServer:
    """A sandbox in which modules are loaded, and which forks; it ends when nobody refers to it."""

    def __init__(self, profile: Profile) -> None:
        self.forks = 0
        self.control, far_end = socket.socketpair()
        weakref.finalize(self, self.control.close)
        with far_end:
            self.sandbox = Bubblewrap(far_end.fileno(), _SCRATCH_BYTES, profile, forks=True)
        weakref.finalize(self, self.sandbox.kill)
        self.control.settimeout(_START_SECONDS)
        self.sandbox.load(self.control)


class ForkServers:
    """The fork servers of this process; `refusal` says why there can be none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # a worker may have several threads
        self._kept: dict[Profile, ForkServer] = {}
        self._bare: set[Profile] = set()  # whose modules cannot be loaded before a fork
        self.refusal = ""

    def sandbox(
        self, channel: socket.socket, far_end: socket.socket, scratch_bytes: int, profile: Profile
    ) -> Sandbox:
        """Return a new sandbox, a fork if there can be one; its program has the far end."""
        with far_end:
            fork = self._fork(far_end.fileno(), scratch_bytes, profile)
            made = fork or Bubblewrap(far_end.fileno(), scratch_bytes, profile)
        if fork is None:
            made.load(channel)
        return made

    def _fork(self, channel: int, scratch_bytes: int, profile: Profile) -> Fork | None:
        with self._lock:
            for _ in range(3):  # a fork server may have ended, or may have to do without modules
                if self.refusal:
                    break
                if profile in self._bare:
                    profile = profile._replace(modules=())
                key = profile._replace(font_cache=())  # of no use to what has been loaded
                server = self._kept.pop(key, None)
                try:
                    if server is None or server.forks >= _FORKS:
                        server = ForkServer(profile)
                    fork = Fork(server, channel, scratch_bytes)
                except SandboxLost:
                    continue
                except SandboxUnavailable as error:
                    if profile.modules:
                        self._bare.add(profile)
                    else:
                        self.refusal = error.reason
                else:
                    self._kept[key] = server  # as the youngest
                    while len(self._kept) > _PROFILES:
                        del self._kept[next(iter(self._kept))]
                    return fork
        return None


fork_servers = ForkServers()
