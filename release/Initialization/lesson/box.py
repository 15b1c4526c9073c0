"""Show the result of a test in Jupyter as a box.

The box is HTML with plain text beside it. A mark and a word say what happened, so that nobody
needs to tell colors apart; all other colors are those of the reader's theme.
"""

import time
from html import escape

from lesson import kernel
from lesson.causes import WORDS, Diagnosis, say
from lesson.files import page, translate


class WrongAnswer(AssertionError):
    """An answer is wrong.

    Attributes
    ----------
    code : str
        Short stable name of the diagnosis, such as `scale-xavier`.
    message : str
        What was found and what was expected.
    case : str
        The same for one architecture, with numbers; empty for a hidden check.
    hint : str
        What to look at next.
    words, fields : dict
        The sentences in `lesson/causes.toml` that these are made of, and what their braces hold.
    """

    def __init__(self, wrong: Diagnosis, hidden: bool = False):
        self.code, self.words, self.fields = wrong.code, wrong.words, wrong.fields
        if hidden:  # no expected value, no layer size
            self.words["message"].insert(0, ("hidden", WORDS["hidden"]))
            self.words["case"], self.fields = [], wrong.fields_in_words
        parts = (say(sentences, self.fields) for sentences in self.words.values())
        self.message, self.case, self.hint = parts
        super().__init__(
            f"{self.message}{self.case and ' '}{self.case}\nHint: {self.hint}\n[{self.code}]"
        )
        self._shown = False

    def _render_traceback_(self) -> list[str]:
        """Let Jupyter show the message alone: the lines of the tests would only distract."""
        parts = (say(sentences, self.fields, translate) for sentences in self.words.values())
        (message, case, hint), label = parts, "Hint: "
        if kernel.shell() and not self._shown:  # IPython may ask twice
            self._shown = True
            is_error = "type" in self.fields or self.code == "name-without-value"
            kind, title = ("error", "! Error") if is_error else ("wrong", "✗ Not right yet")
            _show(kind, title, [("", message), ("", case), (label, hint)], self.code)
        return f"{message}{case and ' '}{case}\n{label}{hint}\n[{self.code}]".splitlines()


def show_success(function: str) -> None:
    """Display that a function is right."""
    _show("right", "✓ Right", [("", f"{function} returns what is expected, in every case tried.")])


def _show(kind: str, title: str, lines: list[tuple[str, str]], code: str = "") -> None:
    from IPython.display import display  # the tests run without IPython as well

    paragraphs = [
        f"<p><b>{escape(label)}</b>{_with_code(text)}</p>" for label, text in lines if text
    ]
    if code:
        paragraphs.append(f'<p class="code"><code>{escape(code)}</code></p>')
    shown = page(
        "box",
        id=f"test-result-{time.time_ns()}",
        kind=kind,
        title=title,
        lines="".join(paragraphs),
        until=0 if kind == "right" else round(time.time() + 30) * 1000,
    )
    display({"text/html": shown, "text/plain": title}, raw=True)


def _with_code(text: str) -> str:
    """The text as HTML, with what stands between backquotes set as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))
