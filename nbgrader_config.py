"""Configuration of nbgrader for this course folder; every nbgrader command run here reads it."""

import os
import sys
import warnings
from pathlib import Path

COURSE = Path(__file__).resolve().parent
sys.path.insert(0, str(COURSE))  # so that nbgrader finds our grader, wherever it is started

# nbgrader starts other tools (alembic) by name, also where no virtual environment is active.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

from autograder.assignment import CODE_STUB

# nbgrader makes SQLAlchemy say this for each new submission. It is harmless: the rows are added by
# the statement that follows. The releases of SQLAlchemy without it do not run on Python 3.13.
warnings.filterwarnings("ignore", message="Object of type <.*> not in session")

c = get_config()

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

# A web page that stands beside a submission must not be taken for feedback and handed out.
c.CourseDirectory.ignore = [
    *(".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback"),  # as nbgrader does
    *("*.html", "*.htm"),
]

# What students find in place of a solution.
c.ClearSolutions.code_stub = {"python": CODE_STUB}

# The Validate button and `nbgrader validate` run the tests and leave out the training and the
# pictures, which no test needs: an answer within seconds instead of a minute.
c.Execute.skip_cells_with_tag = "demonstration"

# Submissions are executed in a sandbox and examined from outside it, never by nbgrader itself.
# Without the following lines nbgrader grades in its own way.
c.Autograde.exporter_class = "autograder.plugins.autograde.SubmissionExporter"
c.Autograde.pre_convert_hook = "autograder.submission.files.make_harmless"
c.Autograde.sanitize_preprocessors = ["autograder.plugins.autograde.Grade"]
c.Autograde.autograde_preprocessors = [
    "autograder.plugins.autograde.SaveVerdicts",
    "nbgrader.preprocessors.AssignLatePenalties",
]

# Where an answer breaks one of the five rules, the student gets a comment and loses nothing. Set
# this to the points that each such place takes off its exercise; no exercise falls below 0.
# What is found outside the answers (an added cell, say) never costs points.
c.SaveVerdicts.points_per_finding = 0

# The page that a student gets: our own, because nbgrader's needs the network and runs scripts.
c.GenerateFeedback.exporter_class = "autograder.plugins.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = [
    "autograder.plugins.feedback.ReadGradebook",
    "autograder.plugins.feedback.MakeReleasable",
]
