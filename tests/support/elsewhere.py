"""Run ``python -m autograder`` as on another system, as far as Linux can pretend.

``python -m tests.support.elsewhere macos|windows ARGUMENT ...``. What that system lacks is taken
away after other people's packages are loaded: these look where they are before they ask for it.
"""

import importlib
import importlib.abc
import os
import runpy
import signal
import sys

PACKAGES = ("matplotlib.pyplot", "nbgrader.apps", "nbgrader.plugins", "rich.progress", "sqlalchemy")
NOT_ON_MACOS = {"os": "sched_getaffinity pidfd_open memfd_create", "signal": "pidfd_send_signal"}
NOT_ON_WINDOWS = {
    "os": "sched_getaffinity pidfd_open memfd_create geteuid getuid killpg fork O_NOFOLLOW "
    "O_NONBLOCK mkfifo statvfs",
    "signal": "pidfd_send_signal SIGKILL",
}
MODULES_NOT_ON_WINDOWS = ("fcntl", "grp", "pwd", "resource", "termios")


class Missing(importlib.abc.MetaPathFinder):
    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def main() -> None:
    system, *arguments = sys.argv[1:]
    for name in PACKAGES:
        importlib.import_module(name)
    windows = system == "windows"
    for module, names in (NOT_ON_WINDOWS if windows else NOT_ON_MACOS).items():
        for name in names.split():
            delattr({"os": os, "signal": signal}[module], name)
    if windows:
        for name in MODULES_NOT_ON_WINDOWS:
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, Missing(MODULES_NOT_ON_WINDOWS))
    sys.platform = "win32" if windows else "darwin"
    sys.argv = ["autograder", *arguments]
    runpy.run_module("autograder", run_name="__main__")


if __name__ == "__main__":
    main()
