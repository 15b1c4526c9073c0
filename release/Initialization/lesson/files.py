"""Read the files of this folder that hold words, numbers and pages."""

import gettext
import io
import pkgutil
import tomllib
from string import Template

try:  # the words of an edition in another language, see docs/translating.md
    _WORDS = gettext.GNUTranslations(io.BytesIO(pkgutil.get_data("lesson", "edition.mo")))
except OSError:  # the English edition
    _WORDS = gettext.NullTranslations()


def translate(context: str, text: str) -> str:
    """Return a text in the language of this edition, or in English where that is missing."""
    return text and _WORDS.pgettext(context, text)


def read_table(name: str) -> dict:
    """Read a file of TOML."""
    return tomllib.loads(pkgutil.get_data("lesson", name).decode())


def page(name: str, /, **fields: object) -> str:
    """Fill in a page of `pages.toml`."""
    return Template(read_table("pages.toml")[name]).substitute(fields)
