"""Stop with one clear message if this Python cannot be used. Runs on any Python 3."""

import importlib.util
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "Python 3.11 or newer is needed, but this is Python %d.%d (%s).\n"
        "Name another one: make PYTHON=python3.12 ..."
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )
if importlib.util.find_spec("ensurepip") is None:
    sys.exit(
        "This Python (%s) cannot make virtual environments. On Debian and Ubuntu run\n"
        "    sudo apt-get install python3-venv" % sys.executable
    )
