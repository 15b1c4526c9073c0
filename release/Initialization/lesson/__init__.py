"""What the notebook leans on: experiments, diagnoses with their words, and the five rules."""
