"""The filter (seccomp) of the system calls that student code may use, see ``system_calls.toml``.

All others fail with ENOSYS, as where the kernel does not have them; C libraries and Python have
other ways then. libseccomp writes the program from these names.
"""

import ctypes
import errno
import functools
import os
import pkgutil
import platform
import tomllib
from collections.abc import Iterator

from autograder.sandbox.sandbox import SandboxUnavailable

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The kernel's number (AUDIT_ARCH) of each kind of machine that is supported."""
_TABLE = tomllib.loads(pkgutil.get_data(__name__, "system_calls.toml").decode())
_INT = 0xFFFFFFFF
# seccomp.h of libseccomp
_ALLOW, _ERRNO, _NOT_EQUAL, _MASKED_EQUAL = 0x7FFF0000, 0x00050000, 1, 7
_BAD_ARCHITECTURE, _OPTIMIZE, _BINARY_TREE = 2, 8, 2


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operation", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def _rules(makes_namespaces: bool, network: bool) -> Iterator[tuple]:
    """What happens to a call, its name, and comparisons that must all hold."""
    own = _TABLE["fork_server"] if makes_namespaces else {"allowed": "", "limited": []}
    for name in " ".join([own["allowed"], *_TABLE["allowed"].values()]).split():
        yield _ALLOW, name
    rows = _TABLE["limited"] + own["limited"] + (_TABLE["network"] if network else [])
    rows = [(_ALLOW, row) for row in rows]
    rows += [(_ERRNO, row) for row in _TABLE["ignored"] if row["call"] not in own["allowed"]]
    for action, row in rows:
        where = [_equal(**row["where"])] if "where" in row else []
        for value in row.get("values", []):
            compared = _equal(row["argument"], value, row.get("mask", _INT))
            yield action, row["call"], *where, compared
        if "values" not in row:
            yield action, row["call"]
    family = _TABLE["family_of_sockets"]
    # In the network of the machine there are Unix sockets of others, which have names: only pairs.
    for name in ["socketpair"] if network else ["socketpair", "socket"]:
        yield _ALLOW, name, _equal(0, family)
        yield _ERRNO | errno.EAFNOSUPPORT, name, _Comparison(0, _NOT_EQUAL, family)


def _equal(argument: int, value: int, mask: int = _INT) -> _Comparison:
    return _Comparison(argument, _MASKED_EQUAL, mask, value)


@functools.cache
def program(
    machine: str = platform.machine(), makes_namespaces: bool = False, network: bool = False
) -> bytes:
    """Return the filter as BPF, for one of the `ARCHITECTURES`, or for a fork server on it."""
    if machine not in ARCHITECTURES:
        raise SandboxUnavailable(
            f"the filter of system calls knows {' and '.join(ARCHITECTURES)}, "
            f"but this machine is of the architecture {machine}"
        )
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError as error:
        raise SandboxUnavailable(
            "the library libseccomp is not installed (on Debian and Ubuntu: libseccomp2)"
        ) from error
    library.seccomp_init.restype = ctypes.c_void_p
    architecture = ctypes.c_uint32(ARCHITECTURES[machine])
    rules = ctypes.c_void_p(library.seccomp_init(_ERRNO | errno.ENOSYS))

    def call(function: str, *arguments: object) -> None:
        if (status := getattr(library, f"seccomp_{function}")(rules, *arguments)) < 0:
            raise SandboxUnavailable(f"libseccomp: {function}: {os.strerror(-status)}")

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
    for action, name, *comparisons in _rules(makes_namespaces, network):
        add(action, name, *comparisons)
    descriptor = os.memfd_create("seccomp")
    try:
        call("export_bpf", descriptor)
        return os.pread(descriptor, 2**20, 0)
    finally:
        os.close(descriptor)
        library.seccomp_release(rules)
