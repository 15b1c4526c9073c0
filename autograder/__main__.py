"""``python -m autograder COMMAND``, and the command ``autograder``."""

import sys

if sys.version_info < (3, 11):
    sys.exit("autograder: Python 3.11 or newer is needed, but this is " + sys.version.split()[0])

from autograder.cli import main

if __name__ == "__main__":
    sys.exit(main())
