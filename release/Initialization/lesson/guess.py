"""Guess first: a question before each training, and what the training says about the guess.

Nothing is graded and nothing is stored: a choice lives in the kernel until that stops.
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

_choices = {}  # one widget for each question that was asked in this kernel


def ask(name: str) -> None:
    """Show a question with its options; where widgets do not run, with the answer folded away.

    Parameters
    ----------
    name : str
        A key of `QUESTIONS`.
    """
    question, display = QUESTIONS[name], notebook_display()
    options = list(question.replies)
    _choices.pop(name, None)
    if display is None:
        print(question.text, *(f"- {option}" for option in options), sep="\n")
        return
    listed = "".join(f"<li>{escape(option)}</li>" for option in options)
    page = f"<p>{escape(question.text)}</p><ul>{listed}</ul>{_folded(question)}"
    try:
        import ipywidgets
    except ImportError:
        display({"text/plain": question.text, "text/html": page}, raw=True)
        return
    choice = ipywidgets.RadioButtons(options=options, index=None, layout={"width": "max-content"})
    note = ipywidgets.HTML("Choose with a click, or with Tab and the space bar.")

    def keep(_) -> None:
        note.value = "Your guess is kept. Now go on and see."

    choice.observe(keep, names="value")
    _choices[name] = choice
    box = ipywidgets.VBox([ipywidgets.HTML(escape(question.text)), choice, note])
    display({**box._repr_mimebundle_(), "text/html": page}, raw=True)


def reply(name: str) -> None:
    """Say what became of the guess; it changes when the choice does.

    Nothing appears if `ask` has shown no options to choose from: its answer is there to unfold.

    Parameters
    ----------
    name : str
        A key of `QUESTIONS`.
    """
    if name not in _choices:
        return
    import ipywidgets

    question, choice, text = QUESTIONS[name], _choices[name], ipywidgets.HTML()

    def respond(_=None) -> None:
        if choice.value is None:
            text.value = "You have not guessed yet: the question above still waits for you."
        else:
            chosen = f"Your guess: <b>{escape(choice.value)}</b>. "
            text.value = chosen + escape(question.replies[choice.value])

    choice.observe(respond, names="value")
    respond()
    page = {"text/plain": question.replies[question.right], "text/html": _folded(question)}
    notebook_display()({**text._repr_mimebundle_(), **page}, raw=True)


def _folded(question: Question) -> str:
    answer = f"{question.right}. {question.replies[question.right]}"
    return f"<details><summary>What comes true</summary>{escape(answer)}</details>"
