"""Guess first: a question before each training, and what the training says about the guess.

Nothing is graded and nothing is stored. Question and reply are plain HTML, which needs no kernel:
the page itself shows the reply to what is chosen, also in a notebook that was opened again.
"""

from dataclasses import dataclass
from html import escape

from IPython.display import display


@dataclass(frozen=True)
class Question:
    """A question about the cost, and the answer."""

    text: str
    replies: dict[str, str]  # by option, what to say to those who chose it
    right: str  # the option that comes true


QUESTIONS = {
    "zeros": Question(
        "All weights start at zero. While the network is trained, will two hidden units of layer 1 "
        "ever compute different things?",
        {
            "yes, the data pull them apart": "No: the data reach all units alike. Units with "
            "equal weights compute the same and get the same gradient.",
            "no, never": "Right: units with equal weights compute the same and get the same "
            "gradient. Here it is even zero, as the next text explains.",
            "only with a larger learning rate": "No: a rate multiplies the gradients, and all "
            "units get the same one.",
        },
        "no, never",
    ),
    "random": Question(
        "All weights are ten times a standard normal number. Before any training, what does the "
        "network say about the dots?",
        {
            "it is unsure about each of them": "No: large weights make large sums, and the "
            "sigmoid of a large sum is almost exactly 0 or 1.",
            "it is certain, and right about half of them": "Right: large weights make large sums, "
            "and the sigmoid of those is 0 or 1, as far as a computer can tell. So the first cost "
            "is huge.",
            "it is certain, and right about most of them": "No: certain it is, but it has learned "
            "nothing yet. For each dot it is as good as a coin.",
        },
        "it is certain, and right about half of them",
    ),
    "he": Question(
        "The weights are the same random numbers as in exercise 2, but smaller. In 15,000 "
        "iterations, which start will move the lines of its units most?",
        {
            "large random: its first gradients are much larger": "No. They are much larger, but "
            "so are the weights, and soon the gradients are not. Section 7 measures it.",
            "He: its weights are smaller": "Right: what counts is a step compared with the weight "
            "that it changes. Section 7 measures it.",
            "both alike: they are the same random numbers": "No. The lines begin alike, but a step "
            "turns a small weight more than a large one. Section 7 measures it.",
        },
        "He: its weights are smaller",
    ),
}


def ask(name: str) -> None:
    """Show a question with its options."""
    question = QUESTIONS[name]
    # With the attribute JupyterLab leaves the arrow keys to the options.
    options = "".join(
        f'<label style="display: block"><input data-lm-suppress-shortcuts="true" type="radio" '
        f'name="guess-{name}" id="guess-{name}-{number}"> {escape(option)}</label>'
        for number, option in enumerate(question.replies)
    )
    page = (
        '<fieldset style="max-width: 60em"><legend>Guess first (no points): '
        f"{escape(question.text)}</legend>{options}</fieldset>"
    )
    display({"text/plain": question.text, "text/html": page}, raw=True)


def reply(name: str) -> None:
    """Say what became of the guess; it changes when the choice does.

    Where outputs do not see each other (on Colab) the answer stays folded away.
    """
    question = QUESTIONS[name]
    style = f":root:has([name=guess-{name}]:checked) .reply-{name} {{ display: none }}"
    page = ""
    for number, (option, text) in enumerate(question.replies.items()):
        style += f":root:has(#guess-{name}-{number}:checked) .reply-{name}-{number} "
        style += "{ display: block !important }"
        page += f'<p hidden class="reply-{name}-{number}">'
        page += f"Your guess: <b>{escape(option)}</b>. {escape(text)}</p>"
    page += (
        f'<div class="reply-{name}"><p>No option of the question above is chosen.</p><details>'
        f"<summary>What comes true</summary>{escape(question.replies[question.right])}</details>"
        "</div>"
    )
    page = f'<style>{style}</style><div aria-live="polite">{page}</div>'
    display({"text/plain": question.replies[question.right], "text/html": page}, raw=True)
