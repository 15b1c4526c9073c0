"""Show the result of a test in Jupyter as a box.

The box is HTML with plain text beside it. A mark and a word say what happened, so that nobody
needs to tell colors apart; all other colors are those of the reader's theme.
"""

from __future__ import annotations

from html import escape

from lesson.causes import TABLE

# Where the box is shown, the same words in red below it would only repeat it.
_STYLE = """<style>
.test-result { border: 1px solid var(--jp-border-color1, #888); border-left: 6px solid;
  border-radius: 3px; padding: 0.4em 0.8em; max-width: 60em; overflow-wrap: anywhere;
  font-family: var(--jp-content-font-family, sans-serif);
  color: var(--jp-content-font-color1, inherit); }
.test-result.right { border-left-color: #1b8a4b; }
.test-result.wrong { border-left-color: #c77700; }
.test-result.error { border-left-color: #c9302c; }
.test-result p { margin: 0.3em 0; }
.test-result .code { font-size: 85%; }
.jp-OutputArea-child:has(.test-result.wrong) + .jp-OutputArea-child,
.jp-OutputArea-child:has(.test-result.error) + .jp-OutputArea-child { display: none; }
</style>"""


def show_success(function: str) -> None:
    """Display that a function is right."""
    _show("right", "✓ Right", [("", f"{function} returns what is expected, in every case tried.")])


def show_failure(message: str, case: str, hint: str, code: str) -> None:
    """Display what is wrong.

    Parameters
    ----------
    message : str
        What was found and what was expected, in words.
    case : str
        The same for one architecture, with numbers; may be empty.
    hint : str
        What to look at next.
    code : str
        Short stable name of the diagnosis.
    """
    is_error = code in TABLE["errors"]
    kind, title = ("error", "! Error") if is_error else ("wrong", "✗ Not right yet")
    _show(kind, title, [("", message), ("", case), ("Hint: ", hint)], code)


def _show(kind: str, title: str, lines: list[tuple[str, str]], code: str = "") -> None:
    from IPython.display import display  # the tests run without IPython as well

    paragraphs = [
        f"<p><b>{escape(label)}</b>{_with_code(text)}</p>" for label, text in lines if text
    ]
    small = f'<p class="code"><code>{escape(code)}</code></p>' if code else ""
    box = f'<div class="test-result {kind}"><p><b>{title}</b></p>{"".join(paragraphs)}{small}</div>'
    display({"text/html": _STYLE + box, "text/plain": title}, raw=True)


def _with_code(text: str) -> str:
    """The text as HTML, with what stands between backquotes set as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts))
