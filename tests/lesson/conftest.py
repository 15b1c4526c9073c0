"""What tests of the lesson share: the notebook, its data, a shell like that of a notebook."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

import init_utils
import public_tests
from lesson import film, guess, kernel, laboratory, pictures
from tests.support import courses

NOTEBOOK = courses.PROJECT / "source" / "Initialization" / "Initialization.ipynb"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def cells():
    """The cells of the instructor's notebook, by id."""
    return {cell.id: cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells}


@pytest.fixture(scope="session")
def text(cells):
    """All words and code of the notebook, with any white space as one blank."""
    return " ".join(" ".join(cell.source for cell in cells.values()).split())


@pytest.fixture(scope="session")
def dataset():
    return init_utils.load_dataset()


@pytest.fixture(scope="session")
def rings(dataset):
    """The training set."""
    return dataset[:2]


@pytest.fixture(scope="session")
def trained(cells, rings):
    """The namespace of the notebook's own `model` after its three trainings, and what it kept."""
    film.snapshots.clear()
    namespace = {"np": np, **vars(init_utils), "record": film.record}
    exec(cells["model"].source, namespace)
    for name in ("zeros", "random", "he"):
        exec(cells[f"initialize-{name}"].source, namespace)
        namespace["model"](*rings, print_cost=False, initialization=name)
    return namespace | {"snapshots": dict(film.snapshots)}


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook would show: all that `display` got."""
    shown = []

    def display(data, raw=False, exclude=()):
        assert raw == isinstance(data, dict) and ("text/plain" in exclude) != raw
        shown.append(data)

    for module in (guess, laboratory, pictures):
        monkeypatch.setattr(module, "display", display)
    return shown


@pytest.fixture
def shell(monkeypatch):
    """A shell that the tests take for a notebook; `shell.run` returns what is displayed."""
    shell = InteractiveShell.instance()
    shell.kernel, shell.shown = object(), []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shell.shown.append(data))
    shell.user_ns["he_test"] = public_tests.initialize_parameters_he_test
    kernel.explain_errors()

    def run(*cells):
        for cell in cells:
            shell.run_cell(cell, store_history=True)
        return shell.shown

    shell.run = run
    yield shell
    InteractiveShell.clear_instance()
