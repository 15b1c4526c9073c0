"""Grade notebooks whose code runs in a sandbox, apart from the tests that judge it."""

__version__ = "2.0.0"
