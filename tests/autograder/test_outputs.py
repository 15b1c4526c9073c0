"""What a cell shows is cleaned and cut to size, whoever wrote the message."""

import base64
import dataclasses
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder import outputs
from autograder.limits import Limits

LIMITS = Limits(output_bytes=100)


def png(width=1, height=1):
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\0" * 9


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_cleaned_text_can_be_stored_and_has_no_control_characters(text):
    cleaned = outputs.clean_text(text)
    cleaned.encode()
    assert not set(cleaned) & {chr(code) for code in range(32) if chr(code) not in "\t\n"} or (
        "\x1b[" in cleaned
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("1 %\r50 %\r100 %\n", "100 %\n"),
        ("one\r\ntwo", "one\ntwo"),
        ("a\x00\x08b\u202ec", "abc"),
        ("\ud800", "?"),
    ],
)
def test_text_is_shown_without_what_could_play_tricks(text, shown):
    assert outputs.clean_text(text) == shown


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def display(**data):
    names = {"text": "text/plain", "png": "image/png", "html": "text/html"}
    return {
        "output_type": "display_data",
        "data": {names[kind]: value for kind, value in data.items()},
        "metadata": {"evil": True},
    }


def test_long_output_is_cut_off_with_a_line_that_says_so():
    shown = outputs.decode_outputs([stream("a" * 150), stream("never seen")], LIMITS)
    assert shown == [stream("a" * 100 + "\n... output cut off after 100 bytes ...\n")]


def test_many_pieces_of_output_are_cut_off_with_a_line_that_says_so():
    shown = outputs.decode_outputs([stream("")] * 501, LIMITS)
    assert shown[-1]["text"] == "... output cut off after 500 pieces ...\n"


def test_a_character_is_not_cut_in_two():
    shown = outputs.decode_outputs([stream("\N{SNOWMAN}" * 50)], LIMITS)
    assert shown[0]["text"].count("\N{SNOWMAN}") == 33


def test_displays_keep_text_and_pictures_only():
    picture = base64.b64encode(png()).decode()
    [output] = outputs.decode_outputs([display(text="a", png=picture, html="<script>")], LIMITS)
    assert output["data"] == {"text/plain": "a", "image/png": picture}
    assert output["metadata"] == {}


@pytest.mark.parametrize(
    "picture",
    [b"<svg onload=alert(1)>", png(100_000, 100_000), png(0, 1), png()[:20]],
)
def test_what_is_no_reasonable_picture_is_left_out(picture):
    shown = outputs.decode_outputs([display(png=base64.b64encode(picture).decode())], LIMITS)
    assert shown == []


def test_base64_may_have_line_ends_and_what_is_none_is_left_out():
    picture = base64.b64encode(png()).decode()
    lines = f"{picture[:20]}\n{picture[20:]}\n"
    [output] = outputs.decode_outputs([display(png=lines)], LIMITS)
    assert output["data"]["image/png"] == picture
    for wrong in ("?", picture[:-1], "\N{SNOWMAN}"):
        assert outputs.decode_outputs([display(png=wrong)], LIMITS) == []


def test_pictures_have_a_limit_of_their_own():
    limits = dataclasses.replace(LIMITS, image_bytes=50)
    picture = base64.b64encode(png()).decode()
    shown = outputs.decode_outputs([display(png=picture)] * 3, limits)
    assert len(shown) == 1


def test_an_error_keeps_its_last_lines():
    error = {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "no",
        "traceback": [f"{number}" for number in range(500)],
    }
    [output] = outputs.decode_outputs([error], dataclasses.replace(LIMITS, output_bytes=10_000))
    assert output["ename"] == "ValueError"
    assert output["traceback"][-1] == "499"
    assert len(output["traceback"]) == 100
