"""The program that checks rules in a sandbox, here without one."""

import sys

import pytest

from autograder.grading import reading_program

RULES = """
from types import SimpleNamespace
import helper
RULES = {"no-loops": "No loops."}
SENTENCES = {"a-loop": "Line {line} is a loop."}
def check_cells(notebook):
    return [
        SimpleNamespace(line=1, rule="no-loops", cell="answer", message="x", code="a-loop")
        for cell in notebook["cells"] if helper.has_loop(cell["source"])
    ]
"""
HELPER = "def has_loop(source):\n    assert 'loop' in source\n    return 'for' in source"


@pytest.fixture
def rules(tmp_path, monkeypatch):
    """Load rules whose module has this text, and what they need beside it."""

    def load(text, name):
        monkeypatch.setattr(reading_program, "_rules", None)
        monkeypatch.setattr(reading_program, "_failure", "")
        (tmp_path / f"{name}.py").write_text(text)
        (tmp_path / "helper.py").write_text(HELPER)
        reading_program.prepare(str(tmp_path), name, [{"source": ""}])
        assert str(tmp_path) not in sys.path and not {name, "helper"} & set(sys.modules)

    return load


def test_a_broken_rule_is_found_with_the_sentence_for_translators(rules):
    rules(RULES, "own_rules")
    found = ["no-loops", "No loops.", "answer", "x", "a-loop", "Line {line} is a loop."]
    assert reading_program.read([{"source": "for loop"}]) == {"found": [[1, {}, *found]]}
    with pytest.raises(AssertionError):  # which `prepare` has left to this place
        reading_program.read([{"source": "x = 1"}])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("RULES = {}", "AttributeError"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_rules_that_cannot_be_loaded_are_named_for_each_notebook(rules, text, error):
    rules(text, "no_rules")
    assert reading_program.read([])["cannot_load"].startswith(f"{error}: ")


def test_a_check_of_our_own_notebook_that_hangs_does_not_hold_up_the_start(rules, monkeypatch):
    monkeypatch.setattr(reading_program, "_PREPARING_SECONDS", 1)
    rules("RULES = {}\ndef check_cells(notebook):\n    while True: pass", "slow_rules")
    assert reading_program._rules is not None and not reading_program._failure
