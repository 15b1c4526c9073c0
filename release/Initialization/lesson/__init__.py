"""What the notebook leans on: experiments, diagnoses with their words, and the five rules."""

from lesson.kernel import explain_errors

explain_errors()
