"""What stands beside a submitted notebook, whatever it holds."""

import random
from datetime import datetime

import pytest

from autograder.submission import files

FORMS_OF_NBGRADER = {
    "2026-03-02 09:00:00.250000 UTC": datetime(2026, 3, 2, 9, 0, 0, 250_000),
    "2026-03-02 09:00:00 UTC\n": datetime(2026, 3, 2, 9),
    "2026-03-02 09:00:00": datetime(2026, 3, 2, 9),
    "2026-03-02T09:00+01:00": datetime(2026, 3, 2, 8),
}
NO_TIMES = [
    "",
    "garbage",
    "99999999999999999999999999999910h36m28.5s",  # an error that no reader of times announces
    "2026-02-30 09:00:00 UTC",
    "2026-03-02 09:00:00 UTC\x1b[2J",
    "2026-03-02 09:00:00\nUTC",
    "٢٠٢٦-03-02 09:00:00 UTC",
    "10h",
    "2026-03-02 09:00:00 UTC" + " " * 100,
]


def written(folder, text):
    (folder / files.TIMESTAMP).write_bytes(text if isinstance(text, bytes) else text.encode())
    return files.read_timestamp(folder)


@pytest.mark.parametrize("text", FORMS_OF_NBGRADER)
def test_a_time_in_the_form_of_nbgrader_is_understood(tmp_path, text):
    assert written(tmp_path, text) == FORMS_OF_NBGRADER[text]


@pytest.mark.parametrize("text", NO_TIMES)
def test_any_other_text_is_no_time(tmp_path, text):
    assert written(tmp_path, text) is None


def test_no_text_at_all_makes_the_reader_of_times_fail(tmp_path):
    chance = random.Random(12)
    parts = [*FORMS_OF_NBGRADER, *NO_TIMES, "9999-12-31 23:59:59 -23:59", "0001-01-01 00:00 +23:59"]
    for _ in range(2_000):
        text = bytearray(chance.choice(parts).encode())
        for _ in range(chance.randrange(4)):
            start = chance.randrange(len(text) + 1)
            piece = chance.choice([b"9" * 30, b"0", b":", b"-", b"+", b" ", b"Z", b"h", b"\xff"])
            text[start : start + chance.randrange(3)] = piece
        assert isinstance(written(tmp_path, bytes(text)), datetime | None)
