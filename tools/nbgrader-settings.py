"""Let nbgrader grade nothing after an error in a configuration; `make setup` puts this into .venv.

It would log the error, go on without what the file says, and run what students wrote unprotected.
"""

import sys

from nbgrader.apps.baseapp import NbGrader
from nbgrader.converters import Autograde
from traitlets.config import Application


def _load(*arguments, log=None, raise_config_file_errors=False, **options):
    """As nbgrader's own; after an error, grading is refused in this process."""
    options["raise_config_file_errors"] = True
    try:
        yield from Application._load_config_files(*arguments, log=log, **options)
    except Exception:
        if raise_config_file_errors:
            raise
        if log:
            log.error("A configuration cannot be loaded", exc_info=True)
        Autograde.convert_notebooks = _refuse


def _refuse(converter):
    sys.exit(
        "Nothing was graded, because nbgrader could not read nbgrader_config.py to its end (the "
        "reason stands above). Mend it, and start again."
    )


NbGrader._load_config_files = staticmethod(_load)
