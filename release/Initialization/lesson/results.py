"""Read the newest result that was fetched: the pages lie beside the notebook, in ``feedback/``."""

import html
import json
import re
from pathlib import Path

_HEAD_CHARACTERS = 50_000  # what is read of a page; the result stands before the style


def newest_result(notebook: Path) -> str:
    """What the newest page says that was fetched, in a few lines; empty if there is none."""
    pages = notebook.parent.glob(f"feedback/*/{notebook.stem}.html")
    for page in sorted(pages, key=lambda page: page.parent.name, reverse=True):
        try:
            with open(page, encoding="utf-8") as file:
                head = file.read(_HEAD_CHARACTERS)
            found = re.search('<meta name="autograder" content="(.*?)"', head)
            return _in_words(json.loads(html.unescape(found[1])), page.parent.name)
        except (OSError, ValueError, LookupError, TypeError):  # a page of another kind
            continue
    return ""


def _in_words(result: dict, submitted: str) -> str:
    lines = [f"The newest feedback that was fetched, for what you submitted at {submitted}:"]
    if "notice" in result:
        return f"{lines[0]}\n    {result['notice']}"
    together = {"title": "Together", **result}
    for one in [*result["exercises"], together]:
        lines.append(f"    {one['title']}: {one['score']:g} of {one['max_score']:g} points")
    return "\n".join(lines)
