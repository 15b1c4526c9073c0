"""The system calls that student code may use, as a filter (seccomp) for bubblewrap and forks.

All others fail with ENOSYS, as where the kernel does not have them; C libraries and Python have
other ways then. libseccomp writes the program from these names.
"""

import ctypes
import errno
import functools
import os
import platform

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The kernel's number (AUDIT_ARCH) of each kind of machine that is supported."""

_ALLOWED = {
    "to read and write what is open": """
        read write readv writev pread64 pwrite64 preadv pwritev lseek sendfile close close_range
        dup dup2 dup3 fsync fdatasync ftruncate fallocate pipe pipe2 eventfd eventfd2""",
    "to find, open and change files": """
        open openat creat access faccessat faccessat2 stat lstat fstat newfstatat statx statfs
        fstatfs getdents getdents64 readlink readlinkat getcwd chdir fchdir umask truncate
        mkdir mkdirat rmdir mknod mknodat link linkat symlink symlinkat unlink unlinkat
        rename renameat renameat2 chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat
        utime utimes utimensat futimesat""",
    "to copy a file together with its attributes, of which there are none (shutil)": """
        getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr""",
    "to wait for something": """
        poll ppoll select pselect6 pause nanosleep clock_nanosleep alarm setitimer getitimer
        restart_syscall""",
    "to ask for the time": "time gettimeofday clock_gettime clock_getres times",
    "memory: each page counts for its process, whose address space is limited": """
        brk munmap mprotect mremap msync""",
    "threads and locks between them": """
        set_tid_address set_robust_list get_robust_list futex rseq sched_yield gettid
        arch_prctl""",
    "to start programs and wait for them; their number is limited": """
        fork vfork execve exit exit_group wait4 waitid pidfd_open pidfd_send_signal""",
    "to ask who one is": """
        getpid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getpgrp
        getsid uname sysinfo getcpu getrandom capget""",
    "signals; how many may wait is limited": """
        rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend
        sigaltstack signalfd signalfd4 kill tkill tgkill setpgid""",
    "to be slower, or to lower one's limits": """
        getpriority setpriority getrlimit setrlimit prlimit64 getrusage ioprio_get
        sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max
        sched_get_priority_min sched_rr_get_interval get_mempolicy""",
    "Unix sockets (the family is checked below): multiprocessing, asyncio": """
        bind connect listen accept accept4 getsockname getpeername sendto recvfrom sendmsg recvmsg
        sendmmsg recvmmsg shutdown getsockopt""",
    "a new program becomes the student before student code runs; after that they give nothing": """
        setgroups setgid setuid setregid setreuid setresgid setresuid""",
}
_FORK_SERVER = "unshare mount capset setsid"
"""What our own program needs; its forks are under the whole filter."""


def _one_of(argument: int, *values: int) -> list[list[tuple[int, int, int]]]:
    """An int, of which the kernel looks at 32 bits."""
    return [[(argument, value, 0xFFFFFFFF)] for value in values]


_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_MAP_FLAGS = 0x40029  # MAP_HUGETLB, MAP_ANONYMOUS, MAP_DROPPABLE, MAP_SHARED
_LIMITED = {
    # Threads and processes, but no namespace, in which one is root. The flags of clone3 are out of
    # a filter's sight.
    "clone": [[(0, 0, _NAMESPACES)]],
    # Private memory, private and shared files. Shared memory without a file stays when its page
    # is given back, and counts for nobody then; huge pages are the machine's.
    "mmap": [[(3, flags, _MAP_FLAGS)] for flags in (0x20, 0x01, 0x00)],
    # NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE, DONTFORK, DOFORK, (NO)HUGEPAGE,
    # DONTDUMP, DODUMP. Not: what takes pages out of the count (PAGEOUT), or makes pages of
    # different sandboxes one (MERGEABLE).
    "madvise": _one_of(2, 0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17),
    # PDEATHSIG, GET_DUMPABLE, NAME, GET_SECCOMP, CAPBSET_READ, NO_NEW_PRIVS; THP_DISABLE with 1, so
    # that huge pages are never switched on again. Not: FUTEX_HASH, SET_VMA, SET_MM, SET_SECCOMP,
    # which take memory of the kernel.
    "prctl": [
        *_one_of(0, 1, 2, 3, 15, 16, 21, 23, 38, 39),
        [*_one_of(0, 41)[0], *_one_of(1, 1)[0]],
    ],
    # DUPFD, GETFD, SETFD, GETFL, SETFL, GETLK, OFD_GETLK, DUPFD_CLOEXEC, GETPIPE_SZ: no leases, no
    # larger pipes.
    "fcntl": _one_of(1, 0, 1, 2, 3, 4, 5, 36, 1030, 1032),
    # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: is this a terminal, what is there.
    "ioctl": _one_of(1, 0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451),
    # AF_UNIX: others use memory of the machine, and vsock does not belong to any namespace.
    "socket": _one_of(0, 1),
    "socketpair": _one_of(0, 1),
    # SOL_SOCKET with REUSEADDR, SNDBUF, RCVBUF, KEEPALIVE, LINGER, PASSCRED, RCVTIMEO, SNDTIMEO:
    # no programs for a socket (ATTACH_FILTER).
    "setsockopt": [
        [*_one_of(1, 1)[0], *option] for option in _one_of(2, 2, 7, 8, 9, 13, 16, 20, 21)
    ],
}
"""Allowed where all conditions of one list hold: number of the argument, value, mask."""
_LIMITED_OF_FORK_SERVER = {"prctl": _one_of(0, 4, 22, 24, 47)}  # what gives up rights
_NOTHING_TO_DO = {
    # A sandbox has one user, so nobody needs a lock (sqlite3 asks for some). The kernel's locks on
    # files of the environment could be seen in other sandboxes, and take memory of the kernel.
    "flock": [[]],
    "fcntl": _one_of(1, 6, 7, 37, 38),  # SETLK, SETLKW, and those of open files
    # The kernel shares processors between sessions: a second one would get more.
    "setsid": [[]],
}
"""Calls that succeed without doing anything."""

# seccomp.h of libseccomp
_ALLOW, _ERRNO, _NOT_EQUAL, _MASKED_EQUAL = 0x7FFF0000, 0x00050000, 1, 7
_BAD_ARCHITECTURE, _OPTIMIZE, _BINARY_TREE = 2, 8, 2


class Unavailable(OSError):
    """There can be no filter here; the message says why."""


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operation", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@functools.cache
def program(machine: str = platform.machine(), makes_namespaces: bool = False) -> bytes:
    """Return the filter as BPF, for one of the `ARCHITECTURES`, or for a fork server on it."""
    if machine not in ARCHITECTURES:
        raise Unavailable(
            f"the filter of system calls knows {' and '.join(ARCHITECTURES)}, "
            f"but this machine is of the architecture {machine}"
        )
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise Unavailable(
            "the library libseccomp is not installed (on Debian and Ubuntu: libseccomp2)"
        ) from error
    library.seccomp_init.restype = ctypes.c_void_p
    architecture = ctypes.c_uint32(ARCHITECTURES[machine])
    rules = ctypes.c_void_p(library.seccomp_init(_ERRNO | errno.ENOSYS))

    def call(function: str, *arguments: object) -> None:
        if (status := getattr(library, f"seccomp_{function}")(rules, *arguments)) < 0:
            raise Unavailable(-status, f"libseccomp: {function}: {os.strerror(-status)}")

    def add(action: int, name: str, *comparisons: _Comparison) -> None:
        number = library.seccomp_syscall_resolve_name_arch(architecture, name.encode())
        if number >= 0:  # architectures differ in old calls
            array = (_Comparison * len(comparisons))(*comparisons)
            call("rule_add_array", ctypes.c_uint32(action), number, len(comparisons), array)

    native = ctypes.c_uint32(library.seccomp_arch_native())
    if native.value != architecture.value:
        call("arch_add", architecture)
        call("arch_remove", native)
    call("attr_set", _BAD_ARCHITECTURE, ctypes.c_uint32(_ERRNO | errno.EPERM))
    call("attr_set", _OPTIMIZE, _BINARY_TREE)
    own = _FORK_SERVER.split() if makes_namespaces else []
    for name in [*own, *" ".join(_ALLOWED.values()).split()]:
        add(_ALLOW, name)
    limited = [(_ALLOW, *row) for row in _LIMITED.items()]
    limited += [(_ALLOW, *row) for row in _LIMITED_OF_FORK_SERVER.items() if makes_namespaces]
    limited += [(_ERRNO, *row) for row in _NOTHING_TO_DO.items() if row[0] not in own]
    for action, name, alternatives in limited:
        for conditions in alternatives:
            add(action, name, *(_Comparison(a, _MASKED_EQUAL, m, v) for a, v, m in conditions))
    for name in ("socket", "socketpair"):  # other families
        add(_ERRNO | errno.EAFNOSUPPORT, name, _Comparison(0, _NOT_EQUAL, 1))
    descriptor = os.memfd_create("seccomp")
    try:
        call("export_bpf", descriptor)
        return os.pread(descriptor, 2**20, 0)
    finally:
        os.close(descriptor)
        library.seccomp_release(rules)
