"""``python -m autograder COMMAND``: see that all is there, then run the command."""

import sys

if sys.version_info < (3, 11):
    sys.exit("autograder: Python 3.11 or newer is needed, but this is " + sys.version.split()[0])

try:
    from autograder.cli import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"autograder: the Python package {missing.name} is missing. Run 'make setup' and use "
        ".venv/bin/python, or run 'pip install -r requirements.txt'."
    )

if __name__ == "__main__":
    sys.exit(main())
