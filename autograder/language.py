"""The language of what students read: our catalogues, and those among an assignment's files."""

import gettext
import pkgutil
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

_CATALOGUES = Path(__file__).with_name("locale")
LANGUAGES = ("en", *sorted(path.stem for path in _CATALOGUES.glob("*.mo")))
WORDS = tomllib.loads(pkgutil.get_data("autograder", "words.toml").decode())
ENGLISH = gettext.NullTranslations()


def words_in(language: str, assignment: Path) -> gettext.NullTranslations:
    """Read the words of a language; what none of its catalogues has stays English."""
    words = ENGLISH
    for path in (*_CATALOGUES.glob("*.mo"), *sorted(assignment.rglob("*.mo"))):
        with path.open("rb") as file:
            found = gettext.GNUTranslations(file)
        if found.info().get("language") == language:
            found.add_fallback(words)
            words = found
    return words


def fill(template: str, fields: Mapping[str, object]) -> str:
    """Put values, by what stands in the braces, in the place of these."""
    return re.sub(r"\{([^{}]*)\}", lambda one: str(fields.get(one[1], one[0])), template)


def translated(
    words: gettext.NullTranslations,
    text: str,
    parts: Iterable[tuple[str, str]],
    fields: Mapping[str, object],
) -> str:
    """Say a text in a language that knows all its parts: pairs of a context and a template."""
    found = [(template, words.pgettext(context, template)) for context, template in parts]
    if not all(template != new for template, new in found):
        return text
    places = {name: in_words(words, value) for name, value in fields.items()}
    return fill(" ".join(new for _, new in found), places) or text


def in_words(words: gettext.NullTranslations, value: object) -> str:
    """Say a value that is a word or two with a number, such as code cell 7, in a language."""
    template = re.sub(r"\d+(\.\d+)?", "{number}", str(value), count=1)
    number = re.search(r"\d+(\.\d+)?|$", str(value))[0]
    return words.pgettext("value", template).replace("{number}", number)
