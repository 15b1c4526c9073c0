"""Which names may pass: those of students, folders, notebooks and other files."""

import unicodedata

LONGEST = 128
"""Characters; as many as nbgrader's gradebook keeps of a student's id."""


def passes(name: str) -> bool:
    """Whether a student, a folder or a file may have this name.

    It is one part of a path and shows as what it is: letters of all languages, with or without
    marks of their own, digits and punctuation. Hidden names do not pass, nor do bytes that are no
    UTF-8, characters that nobody sees or that turn the direction of what follows.
    """
    composed = unicodedata.normalize("NFC", name)
    return (
        0 < len(name) <= LONGEST
        and composed.isprintable()
        and composed == composed.strip()
        and "/" not in composed
        and composed[0] != "."
        and not unicodedata.combining(composed[0])
    )
