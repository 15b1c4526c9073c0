"""A shell that the lesson takes for that of a notebook."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

import public_tests
from lesson import kernel


@pytest.fixture
def shell(monkeypatch):
    """A shell that the tests take for a notebook; what it displays is kept in `shell.shown`."""
    shell = InteractiveShell.instance()
    shell.kernel, shell.shown = object(), []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shell.shown.append(data))
    shell.user_ns["he_test"] = public_tests.initialize_parameters_he_test
    kernel.explain_name_errors()
    yield shell
    InteractiveShell.clear_instance()
