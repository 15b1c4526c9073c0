"""Names that show as what they are pass, in all languages; others do not."""

import pytest

from autograder.submission.names import LONGEST, passes

PASS = [
    *("ada", "o'brien", "a b", "x+y", "[1-3]", "*", "100%", "data (2).csv", "nguyễn-văn-a"),
    *("Zoë", "Zoe\u0308", "देवनागरी", "ภาษาไทย", "עברית", "日本語", "x" * LONGEST),
]
FAIL = [
    *("", ".hidden", "..", "a/b", " a", "a ", "new\nline", "esc\x1b[2J", "nul\0", "half\udcff"),
    *("right\u202eleft", "zero\u200bwidth", "\u0301mark", "private\ue000", "x" * (LONGEST + 1)),
]


@pytest.mark.parametrize("name", PASS)
def test_names_of_all_languages_pass(name):
    assert passes(name)


@pytest.mark.parametrize("name", FAIL, ids=ascii)
def test_names_that_hide_something_do_not(name):
    assert not passes(name)
