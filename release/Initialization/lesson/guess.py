"""Guess first: a question before each training, and what the training says about the guess.

Nothing is graded and nothing is stored. Question and reply are plain HTML, which needs no kernel:
the page itself shows the reply to what is chosen, also in a notebook that was opened again.
"""

from html import escape

from IPython.display import display

from lesson.files import page, read_table, translate

# By name: the question, and by each of its options what to say to those who chose it.
QUESTIONS = read_table("guess.toml")


def ask(name: str) -> None:
    """Show a question with its options."""
    question = translate("guess", QUESTIONS[name]["question"])
    options = [
        page("guess-option", name=name, number=number, option=escape(translate("guess", option)))
        for number, option in enumerate(QUESTIONS[name]["replies"])
    ]
    asked = page("guess-question", question=escape(question), options="".join(options))
    display({"text/plain": question, "text/html": asked}, raw=True)


def reply(name: str) -> None:
    """Say what became of the guess; folded away where outputs do not see each other (Colab)."""
    replies = QUESTIONS[name]["replies"]
    right = next(translate("guess", one) for one in replies.values() if one.startswith("Right"))
    shown = [
        page("guess-reply", name=name, number=number, option=option, text=text)
        for number, pair in enumerate(replies.items())
        for option, text in [[escape(translate("guess", one)) for one in pair]]
    ]
    replied = page("guess-replies", name=name, replies="".join(shown), right=escape(right))
    display({"text/plain": right, "text/html": replied}, raw=True)
