"""What tests of the lesson share: the notebook, its data, a shell like that of a notebook."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

import public_tests
from init_utils import load_dataset
from lesson import kernel
from tests.support import courses


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def cells():
    """The cells of the instructor's notebook, by id."""
    path = courses.PROJECT / "source" / "Initialization" / "Initialization.ipynb"
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


@pytest.fixture(scope="session")
def text(cells):
    """All words and code of the notebook, with any white space as one blank."""
    return " ".join(" ".join(cell.source for cell in cells.values()).split())


@pytest.fixture(scope="session")
def dataset():
    return load_dataset()


@pytest.fixture(scope="session")
def rings(dataset):
    """The training set."""
    return dataset[:2]


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
