"""Guess first: a question before each training, and what the training says about the guess.

Nothing is graded and nothing is stored. Question and reply are plain HTML, which needs no kernel:
the page itself shows the reply to what is chosen, also in a notebook that was opened again.
"""

from dataclasses import dataclass
from html import escape

from lesson.pictures import notebook_display


@dataclass(frozen=True)
class Question:
    """A question about the cost, and the answer.

    Attributes
    ----------
    text : str
    replies : dict
        For each option what to say to those who chose it.
    right : str
        The option that comes true.
    """

    text: str
    replies: dict[str, str]
    right: str


QUESTIONS = {
    "zeros": Question(
        "All weights start at zero. What will the cost do in 15,000 iterations?",
        {
            "fall, but slowly": "No: it does not fall at all. 0.693 = ln 2 is what a network "
            "pays that answers one half to everything, and this one never changes its answer.",
            "stay where it starts": "Right: it stays at 0.693 = ln 2. Nothing moves, as the next "
            "text explains.",
            "rise": "No: gradient descent with a small learning rate does not climb. The cost "
            "stays at 0.693.",
        },
        "stay where it starts",
    ),
    "random": Question(
        "All weights are ten times a standard normal number. What will the cost do?",
        {
            "start near 0.7 and fall fast": "No: such weights make the network certain before "
            "it has seen anything. It is wrong for half of the dots, and pays without limit.",
            "start very high, then fall slowly": "Right: at first the network is certain and "
            "wrong. After 14,000 iterations the cost is still 0.38.",
            "stay where it starts": "No: it falls, from a very high value. The weights differ, "
            "so the units can learn; they are only too large.",
        },
        "start very high, then fall slowly",
    ),
    "he": Question(
        "The weights are random again, but of a size that suits their layer. What will the cost "
        "do?",
        {
            "fall evenly from the start": "Nearly: it falls, but it rests first, between 0.69 "
            "and 0.65 until iteration 3000, while the units sort themselves out.",
            "stay near 0.7": "No: it only looks so until iteration 3000. Then it falls to 0.0736.",
            "drop, rest, then fall far": "Right: it drops at once, rests until iteration 3000, "
            "then falls to 0.0736.",
        },
        "drop, rest, then fall far",
    ),
}


def ask(name: str) -> None:
    """Show a question with its options.

    Parameters
    ----------
    name : str
        A key of `QUESTIONS`.
    """
    question, display = QUESTIONS[name], notebook_display()
    if display is None:
        print(question.text, *(f"- {option}" for option in question.replies), sep="\n")
        return
    # With the attribute JupyterLab leaves the arrow keys to the options.
    options = "".join(
        f'<label style="display: block"><input data-lm-suppress-shortcuts="true" type="radio" '
        f'name="guess-{name}" id="guess-{name}-{number}"> {escape(option)}</label>'
        for number, option in enumerate(question.replies)
    )
    page = (
        f'<fieldset style="max-width: 60em"><legend>{escape(question.text)}</legend>{options}'
        "</fieldset>"
    )
    display({"text/plain": question.text, "text/html": page}, raw=True)


def reply(name: str) -> None:
    """Say what became of the guess; it changes when the choice does.

    Where outputs do not see each other (on Colab) the answer stays folded away.

    Parameters
    ----------
    name : str
        A key of `QUESTIONS`.
    """
    question, display = QUESTIONS[name], notebook_display()
    if display is None:
        return
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
