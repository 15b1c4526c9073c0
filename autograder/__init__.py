"""Grade notebooks whose code runs in a sandbox, apart from the tests that judge it."""
