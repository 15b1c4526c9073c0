"""``python -m autograder COMMAND``, and the command ``autograder``."""

import gc
import sys

if sys.version_info < (3, 11):
    sys.exit("autograder: Python 3.11 or newer is needed, but this is " + sys.version.split()[0])

from autograder import cli

_GC_THRESHOLD = 50_000  # objects; imports make 200,000 and no garbage


def main() -> int:
    """Run the command of this process, and look for garbage rarely; return its exit code."""
    gc.set_threshold(_GC_THRESHOLD)
    try:
        return cli.main()
    finally:
        gc.freeze()  # or Python would look through all of it once more when it ends


if __name__ == "__main__":
    sys.exit(main())
