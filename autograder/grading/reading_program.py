"""What reads a submission inside its sandbox, before any code of the student runs there.

`reading.py` sends the text of this file, because nothing else of this package exists in there.
`prepare` is called once, where a fork server does it for all its forks; `read` reads one notebook.
"""

import contextlib
import importlib
import os
import signal
import sys
from types import ModuleType

_PREPARING_SECONDS = 2

_rules: ModuleType | None = None
_failure = ""


def prepare(folder: str, rules: str, cells: list[dict]) -> None:
    """Load the module with the rules from a folder, and let it remember our own notebook.

    Installed modules come before those of the folder, of which none stays in sight.
    """
    global _rules, _failure
    loaded = set(sys.modules)
    sys.path.append(folder)
    try:
        _rules = importlib.import_module(rules)
        _rules.RULES, _rules.check_cells  # noqa: B018 - whether there are any
    except BaseException as error:
        _failure = f"{type(error).__name__}: {error}"
        return
    finally:
        sys.path.remove(folder)
        for name in set(sys.modules) - loaded:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder + os.sep):
                del sys.modules[name]

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_PREPARING_SECONDS)
    with contextlib.suppress(Exception):  # a check that fails will do so again, and be told there
        _rules.check_cells({"cells": cells})
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def read(cells: list[dict]) -> dict:
    """Find broken rules."""
    if _failure:
        return {"cannot_load": _failure}
    sentences = getattr(_rules, "SENTENCES", {})  # by code, for translations
    found = []
    for one in _rules.check_cells({"cells": cells}):
        code = getattr(one, "code", "")
        texts = one.rule, _rules.RULES[one.rule], one.cell, one.message, code
        found.append([one.line, getattr(one, "fields", {}), *texts, sentences.get(code, "")])
    return {"found": found}
