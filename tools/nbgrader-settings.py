"""Let nbgrader end at an error in a configuration; `make setup` puts this into Jupyter's settings.

It would log the error, and run what students wrote unprotected.
"""

from nbgrader.apps.baseapp import NbGrader
from traitlets.config import Application


def _load(*arguments, **options):
    options["raise_config_file_errors"] = True
    return Application._load_config_files(*arguments, **options)


NbGrader._load_config_files = staticmethod(_load)
