"""Configuration of nbgrader for this course folder; every nbgrader command run here reads it."""

import os
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parent
sys.path.insert(0, str(COURSE))  # so that nbgrader finds our grader, wherever it is started

try:
    from autograder.config import configure
except ImportError as error:  # nbgrader would go on, and run student code unprotected
    raise SystemExit(f"nbgrader_config.py: {error}. Nothing was done.") from error

c = get_config()

# Submissions are executed in a sandbox and examined from outside it, never by nbgrader itself.
# An answer that breaks one of the five rules gets a comment and loses nothing; set
# points_per_violation to the points that each such place takes off its exercise.
configure(c, rules={"Initialization": "lesson.rules"}, points_per_violation=0)

c.CourseDirectory.course_id = "initialization"
c.CourseDirectory.root = str(COURSE)

# The exchange stands inside the course folder, so that releasing, fetching, submitting and
# collecting work on one machine with nothing else set up. On a shared server name a directory
# that all users may read and write instead, for example "/usr/local/share/nbgrader/exchange".
exchange = COURSE / "exchange"
c.Exchange.root = str(exchange)
if not os.path.exists(exchange):  # nbgrader would make it, too, but with a warning
    os.makedirs(exchange)
    os.chmod(exchange, 0o777)

# What students find in place of a solution.
c.ClearSolutions.code_stub = {
    "python": "# YOUR CODE STARTS HERE\npass  # replace this line\n# YOUR CODE ENDS HERE"
}

# The Validate button and `nbgrader validate` run the tests and leave out the training and the
# pictures, which no test needs: an answer within seconds instead of a minute.
c.Execute.skip_cells_with_tag = "demonstration"
