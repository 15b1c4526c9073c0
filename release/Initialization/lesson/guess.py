"""Guess first: a question before each training, and what the training says about the guess.

Nothing is graded and nothing is stored. Question and reply are plain HTML, which needs no kernel:
the page itself shows the reply to what is chosen, also in a notebook that was opened again.
"""

from html import escape

from IPython.display import display

from lesson.files import read_table

# By name: the question, and by each of its options what to say to those who chose it.
QUESTIONS = read_table("guess.toml")


def ask(name: str) -> None:
    """Show a question with its options."""
    question = QUESTIONS[name]["question"]
    # With the attribute JupyterLab leaves the arrow keys to the options.
    options = "".join(
        f'<label style="display: block"><input data-lm-suppress-shortcuts="true" type="radio" '
        f'name="guess-{name}" id="guess-{name}-{number}"> {escape(option)}</label>'
        for number, option in enumerate(QUESTIONS[name]["replies"])
    )
    page = (
        '<fieldset style="max-width: 60em"><legend>Guess first (no points): '
        f"{escape(question)}</legend>{options}</fieldset>"
    )
    display({"text/plain": question, "text/html": page}, raw=True)


def reply(name: str) -> None:
    """Say what became of the guess; it changes when the choice does.

    Where outputs do not see each other (on Colab) the answer stays folded away.
    """
    replies = QUESTIONS[name]["replies"]
    right = next(text for text in replies.values() if text.startswith("Right"))
    style = f":root:has([name=guess-{name}]:checked) .reply-{name} {{ display: none }}"
    page = ""
    for number, (option, text) in enumerate(replies.items()):
        style += f":root:has(#guess-{name}-{number}:checked) .reply-{name}-{number} "
        style += "{ display: block !important }"
        page += f'<p hidden class="reply-{name}-{number}">'
        page += f"Your guess: <b>{escape(option)}</b>. {escape(text)}</p>"
    page += (
        f'<div class="reply-{name}"><p>No option of the question above is chosen.</p><details>'
        f"<summary>What comes true</summary>{escape(right)}</details>"
        "</div>"
    )
    page = f'<style>{style}</style><div aria-live="polite">{page}</div>'
    display({"text/plain": right, "text/html": page}, raw=True)
