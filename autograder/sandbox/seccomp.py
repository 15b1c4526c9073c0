"""A seccomp filter that closes what namespaces and resource limits leave open.

Refused inside the sandbox are system calls that no answer needs: those that make new namespaces or
mounts (there a process would be root again, with file systems of any size), those that take memory
that no limit counts (System V segments, memory files, kernel keys, io_uring), and those that touch
other processes or are known for kernel bugs (ptrace, bpf, perf events, userfaultfd). Also refused
is what uses up quotas that the whole machine shares (inotify, timers, locks on parts of a file) or
tells which pages of a file others have read (posix_fadvise, preadv2, mincore, cachestat). Sockets
other than Unix ones are refused: the memory of the others is taken from the machine's own share,
and a virtual machine's vsock, for example, does not belong to any network namespace.
"""

import errno
import platform
import struct

# Kernel's name of the machine: (AUDIT_ARCH_*, column in the tables below).
ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

# System call numbers on x86_64 and aarch64.
_REFUSED = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "inotify_init": (253, 26),  # aarch64 has inotify_init1 only
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "timer_create": (222, 107),
    "timerfd_create": (283, 85),
    "posix_fadvise": (221, 223),
    "preadv2": (327, 286),
    "mincore": (27, 232),
    "cachestat": (451, 451),
}
_WALLS = ("unshare", "mount")
_CLONE, _CLONE3, _SOCKET, _SOCKETPAIR = (56, 220), (435, 435), (41, 198), (53, 199)
_FCNTL = (72, 25)
_REFUSED_FCNTL = (6, 7, 37, 38, 1024, 1026)  # F_(OFD_)SETLK and SETLKW, F_SETLEASE, F_NOTIFY
_NAMESPACE_FLAGS = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_UNIX = 1  # AF_UNIX
_X32_CALLS = 0x40000000  # x86_64 programs reach a second set of numbers through this bit

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = (
    0,
    4,
    16,
    24,
)  # offsets in struct seccomp_data
_ALLOW = 0x7FFF0000


def _fail(error: int) -> int:
    return 0x00050000 | error


def program(machine: str | None = None, builds_walls: bool = False) -> bytes:
    """Return the filter as BPF, for a machine of one of the `ARCHITECTURES`; this one as a rule.

    With `builds_walls` a process may make namespaces and mounts: for our own program that makes
    sandboxes within its own, and puts each of them behind the whole filter.

    Source: Linux, ``Documentation/userspace-api/seccomp_filter.rst``.
    """
    machine = machine or platform.machine()
    architecture, column = ARCHITECTURES[machine]
    instructions: list[tuple[int, int, int, int]] = []

    def load(offset: int) -> None:
        instructions.append((_LOAD, 0, 0, offset))

    def answer(result: int) -> None:
        instructions.append((_RETURN, 0, 0, result))

    def answer_if(test: int, operand: int, result: int) -> None:
        instructions.append((test, 0, 1, operand))  # no: skip the answer
        answer(result)

    load(_ARCHITECTURE)
    instructions.append((_EQUAL, 1, 0, architecture))  # the expected one: skip the answer
    answer(_fail(errno.EPERM))
    load(_NUMBER)
    answer_if(_AT_LEAST, _X32_CALLS, _fail(errno.EPERM))
    for name, numbers in _REFUSED.items():
        if builds_walls and name in _WALLS:
            continue
        answer_if(_EQUAL, numbers[column], _fail(errno.EPERM))
    # The flags of clone3 are out of a filter's sight; C libraries fall back to clone.
    answer_if(_EQUAL, _CLONE3[column], _fail(errno.ENOSYS))
    instructions.append((_EQUAL, 0, 4, _CLONE[column]))  # another call: skip these four
    load(_FIRST_ARGUMENT)
    answer_if(_ANY_BIT, _NAMESPACE_FLAGS, _fail(errno.EPERM))
    answer(_ALLOW)
    instructions.append((_EQUAL, 0, 2 + 2 * len(_REFUSED_FCNTL), _FCNTL[column]))
    load(_SECOND_ARGUMENT)
    for command in _REFUSED_FCNTL:
        answer_if(_EQUAL, command, _fail(errno.ENOLCK))
    answer(_ALLOW)
    instructions.append((_EQUAL, 2, 0, _SOCKET[column]))  # a socket: skip the next two
    instructions.append((_EQUAL, 1, 0, _SOCKETPAIR[column]))
    answer(_ALLOW)
    load(_FIRST_ARGUMENT)
    answer_if(_EQUAL, _UNIX, _ALLOW)
    answer(_fail(errno.EAFNOSUPPORT))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
