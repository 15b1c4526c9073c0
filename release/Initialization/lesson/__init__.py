"""What the notebook leans on: experiments, diagnoses with their words, and the five rules."""

from lesson.kernel import explain_name_errors

explain_name_errors()
