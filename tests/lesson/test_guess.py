"""The questions before each training, and the replies below it."""

import re

import pytest

from lesson import guess


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show: the HTML of each output."""
    pages = []

    def display(data, raw):
        assert raw and data["text/plain"]
        pages.append(data["text/html"])

    monkeypatch.setattr(guess, "display", display)
    return pages


@pytest.mark.parametrize("name", guess.QUESTIONS)
def test_a_reply_is_hidden_until_its_option_is_chosen(name, shown):
    question = guess.QUESTIONS[name]
    guess.ask(name)
    guess.reply(name)
    asked, replied = shown
    for number, (option, text) in enumerate(question.replies.items()):
        label = re.search(
            f'<label[^>]*><input [^>]*type="radio"[^>]*id="guess-{name}-{number}"> (.*?)<', asked
        )
        assert label[1] == option
        assert (
            f'<p hidden class="reply-{name}-{number}">Your guess: <b>{option}</b>. {text}'
            in replied
        )
        assert f"#guess-{name}-{number}:checked" in replied
        assert text.startswith("Right") == (option == question.right)
    assert f"<legend>Guess first (no points): {question.text}</legend>" in asked
    assert question.replies[question.right] not in asked
