"""The questions before each training, and the replies below it."""

import re

import pytest

from lesson import guess


@pytest.mark.parametrize("name", guess.QUESTIONS)
def test_a_reply_is_hidden_until_its_option_is_chosen(name, displayed):
    question, replies = guess.QUESTIONS[name].values()
    guess.ask(name)
    guess.reply(name)
    assert all(output["text/plain"] for output in displayed)
    asked, replied = (output["text/html"] for output in displayed)
    for number, (option, text) in enumerate(replies.items()):
        label = re.search(
            f'<label[^>]*><input [^>]*type="radio"[^>]*id="guess-{name}-{number}"> (.*?)<', asked
        )
        assert label[1] == option
        assert (
            f'<p hidden class="reply-{name}-{number}">Your guess: <b>{option}</b>. {text}'
            in replied
        )
        assert f"#guess-{name}-{number}:checked" in replied
    assert f"<legend>Guess first (no points): {question}</legend>" in asked
    (right,) = (text for text in replies.values() if text.startswith("Right"))
    assert right not in asked and right in replied.partition("<details>")[2]
