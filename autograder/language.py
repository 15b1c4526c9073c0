"""The language of what students read: our catalogues, and those among an assignment's files."""

import functools
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
_LONGEST = 1_000  # characters of a value that is looked for among the templates


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
    if not found or not all(template != new for template, new in found):
        return "\n".join(in_words(words, line) for line in text.split("\n"))
    places = {name: in_words(words, value) for name, value in fields.items()}
    return fill(" ".join(new for _, new in found), places)


def in_words(words: gettext.NullTranslations, value: object, depth: int = 3) -> str:
    """Say in a language what was put together of its values, such as code cell 7.

    Values stand in values to some depth; a student's text may go deeper, or take long to compare
    with all templates, and stays as it is.
    """
    if not depth or len(str(value)) > _LONGEST:
        return str(value)
    said = []
    for text in re.split(r"(?<=\.) (?=The |Its )", str(value)):
        found = ((one.fullmatch(text), template) for one, template in _templates(words))
        match, template = next((one for one in found if one[0]), (None, text))
        fields = match.groupdict() if match else {}
        places = {name: in_words(words, field, depth - 1) for name, field in fields.items()}
        said.append(fill(words.pgettext("value", template), places))
    return " ".join(said)


@functools.lru_cache(maxsize=8)
def _templates(words: gettext.NullTranslations | None) -> list[tuple[re.Pattern, str]]:
    """The values of a language that have fields, and what fits them."""
    keys = (str(key).partition("\4") for key in getattr(words, "_catalog", ()))
    found = [text for context, _, text in keys if context == "value" and "{" in text]
    fits = (re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(text)) for text in found)
    ours = [(re.compile(one), text) for one, text in zip(fits, found, strict=True)]
    return ours + (_templates(words._fallback) if words and words._fallback else [])
