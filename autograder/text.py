"""Text for people: of what students wrote, of errors, of numbers."""

import contextlib
import logging
import re
import traceback
from gettext import NullTranslations

from autograder.language import ENGLISH

MESSAGE_CHARACTERS = 4_000
"""Length at which a text is cut in which student code may have a say."""


class UserError(Exception):
    """A command cannot do its work; the message says what to do."""


def readable(text: str) -> str:
    """Text without colors and control characters, cut to a length that a page can show."""
    text = _printable(re.sub(r"\x1b\[[0-9;]*m", "", text[: 2 * MESSAGE_CHARACTERS]))
    return text if len(text) <= MESSAGE_CHARACTERS else text[:MESSAGE_CHARACTERS] + " (cut off)"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def in_line(name: str) -> str:
    """The name of a file or folder as it can be shown in one line of a terminal."""
    return readable(name).replace("\n", "\N{REPLACEMENT CHARACTER}")


class Printable(logging.Filter):
    """Lets no name of a file steer the terminal, or look like a line of its own, in a log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            named = (in_line(one) if isinstance(one, str) else one for one in record.args)
            record.args = tuple(named)
        with contextlib.suppress(TypeError, ValueError):  # logging itself tells of these
            record.msg, record.args = _printable(record.getMessage()), ()
        return True


def summary(error: BaseException) -> str:
    """Type and message of an exception in one line."""
    text = traceback.format_exception_only(error)[-1].splitlines()[0]
    line = error.lineno if isinstance(error, SyntaxError) else None
    return f"{text} (line {line})" if line else text


def counted(number: int, noun: str, words: NullTranslations = ENGLISH) -> str:
    """A number with its noun, such as 1 student or 2 students."""
    forms = f"{{number}} {noun}", f"{{number}} {noun}s"
    return words.npgettext("count", *forms, number).format(number=number)
