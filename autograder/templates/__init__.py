"""HTML pages that need nothing else: no scripts, no files beside them, nothing from the network.

The templates escape every value, because much of what they show comes from students. Only what
is marked as `Markup` here and in the modules that use it goes into a page as HTML.
"""

import re
from gettext import NullTranslations
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from autograder.language import ENGLISH, fill
from autograder.text import counted


def render(template: str, words: NullTranslations = ENGLISH, **values: object) -> str:
    """Fill in a template of this folder, in a language."""
    context = template.partition(".")[0]
    return _ENVIRONMENT.get_template(template).render(
        values,
        words=words,
        language=words.info().get("language", "en"),
        _=lambda text, **fields: fill(words.pgettext(context, text), fields),
    )


def with_code(text: str) -> Markup:
    """Plain text, with what stands between backticks set as code."""
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(with_code=with_code, counted=counted, points="{:g}".format)
_ENVIRONMENT.globals["csp"] = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
