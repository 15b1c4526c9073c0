"""Run ``python -m autograder`` as on another system, as far as Linux can pretend.

``python -m tests.support.elsewhere macos|windows ARGUMENT ...``. What that system lacks is taken away
after other people's packages are loaded, for these look where they are before they ask for it.
"""

import importlib.abc
import importlib.util
import os
import runpy
import signal
import sys

import matplotlib.pyplot
import nbgrader.apps
import nbgrader.plugins
import nbgrader.preprocessors
import rich.progress
import sqlalchemy.orm

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
    windows = system == "windows"
    for module, names in (NOT_ON_WINDOWS if windows else NOT_ON_MACOS).items():
        for name in names.split():
            delattr({"os": os, "signal": signal}[module], name)
    if windows:
        for name in MODULES_NOT_ON_WINDOWS:
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, Missing(MODULES_NOT_ON_WINDOWS))
    for name in [name for name in sys.modules if name.partition(".")[0] == "autograder"]:
        del sys.modules[name]
    sys.platform = "win32" if windows else "darwin"
    sys.argv = ["autograder", *arguments]
    runpy.run_module("autograder", run_name="__main__")


if __name__ == "__main__":
    main()
