"""Read the files of this folder that hold words, numbers and pages."""

import pkgutil
import tomllib
from string import Template


def read_table(name: str) -> dict:
    """Read a file of TOML."""
    return tomllib.loads(pkgutil.get_data("lesson", name).decode())


def page(name: str, **fields: object) -> str:
    """Fill in a page of `pages.toml`."""
    return Template(read_table("pages.toml")[name]).substitute(fields)
