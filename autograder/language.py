"""The language of what students read: our catalogues, and those among an assignment's files."""

from __future__ import annotations

import gettext
from pathlib import Path

_CATALOGUES = Path(__file__).with_name("locale")
LANGUAGES = ("en", *sorted(path.stem for path in _CATALOGUES.glob("*.mo")))


def words_in(language: str, assignment: Path) -> gettext.NullTranslations:
    """Read the words of a language; what none of its catalogues has stays English."""
    words = gettext.NullTranslations()
    for path in (*_CATALOGUES.glob("*.mo"), *sorted(assignment.rglob("*.mo"))):
        with path.open("rb") as file:
            found = gettext.GNUTranslations(file)
        if found.info().get("language") == language:
            found.add_fallback(words)
            words = found
    return words
