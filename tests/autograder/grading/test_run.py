"""What one submission gets: points, messages, and an executed notebook that is safe to show."""

import dataclasses
import json
import multiprocessing
import os
import subprocess
import sys
import time

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.grading import examiner, run, session
from autograder.grading.run import grade_submission
from autograder.grading.session import Session
from autograder.limits import Limits
from autograder.sandbox.process import CellResult, ProcessDied, StudentError
from autograder.sandbox.sandbox import SandboxLost
from autograder.text import readable
from tests.attacks import attacks
from tests.support import courses, hard_to_parse, small
from tests.support.mistakes import EXERCISES, answer

NOISE = """\
import logging, os, sys, warnings
print("a line")
print("a line on stderr", file=sys.stderr)
warnings.warn("careful")
logging.warning("careful")
os.write(1, b"below Python\\n")
os.write(2, b"below Python\\n")
os.system("echo from a program; echo from a program >&2")
np.log(0)"""


@pytest.fixture(scope="module")
def assignment():
    return small.make_assignment()


@pytest.fixture(scope="module")
def honest(assignment):
    return small.grade(small.submission(assignment), assignment)


def student_cell(source):
    return new_code_cell(source, id="mine")


# Right answers


def test_a_right_answer_gets_its_points_whatever_it_prints(assignment):
    noisy = {exercise: f"{NOISE}\n{answer(exercise, start=NOISE)}" for exercise in EXERCISES}
    graded = small.grade(small.submission(assignment, **noisy), assignment)
    assert small.passed(graded) == [True, True, True]
    shown = "".join(map(small.text_of, small.cell_of(graded, "initialize-he").outputs))
    for line in ("a line\n", "a line on stderr", "careful", "below Python", "from a program"):
        assert line in shown
    for exercise in EXERCISES:
        (output,) = small.cell_of(graded, f"test-{exercise}").outputs
        assert (output.name, output.text) == ("stdout", "All tests passed.\n")


@pytest.mark.parametrize("own", [[], [student_cell("x = 1")]], ids=["untouched", "with a cell"])
def test_what_nobody_has_written_anything_into_is_tested_once(own, assignment, monkeypatch):
    processes, start = [], session.Task.start_process
    monkeypatch.setattr(
        session.Task, "start_process", lambda *given: processes.append(1) or start(*given)
    )
    notebook = nbformat.v4.new_notebook(cells=[*assignment.released_cells(), *own])
    assert small.passed(small.grade(notebook, assignment)) == [False] * 3
    assert (len(processes) == 1) == (own == [])


def test_a_submission_whose_fork_server_was_lost_is_graded_again(assignment, monkeypatch):
    run_cell, lost = Session.run, [SandboxLost("killed")] * 2

    def lose_the_fork_server(session, cell):
        if lost:
            raise lost.pop()
        return run_cell(session, cell)

    monkeypatch.setattr(Session, "run", lose_the_fork_server)
    graded = small.grade(small.submission(assignment), assignment)
    assert small.passed(graded) == [True, True, True] and not lost


def test_grading_again_gives_the_same(assignment, honest):
    again = small.grade(small.submission(assignment), assignment)
    assert again.facts.verdicts == honest.facts.verdicts
    assert again.notebook == honest.notebook


def test_the_executed_notebook_is_the_release_with_answers_and_outputs(assignment, honest):
    assert small.passed(honest) == [True, True, True]
    for executed, released in zip(honest.notebook.cells, assignment.released_cells(), strict=True):
        if not executed.id.startswith("initialize"):
            assert executed.source == released.source
        assert executed.metadata.nbgrader == released.metadata.nbgrader


def test_an_answer_that_only_knows_the_sandbox_is_right_there(assignment):
    source = "import os\nif os.getpid() < 10:\n    " + answer("he").replace("\n", "\n    ")
    graded = small.grade(small.submission(assignment, he=source.rstrip()), assignment)
    assert small.passed(graded) == [True, True, True]


# Demonstrations


@pytest.mark.parametrize(("full", "shown"), [(False, 0), (True, 2)])
def test_demonstrations_run_only_if_asked_for(full, shown):
    settings = {"grade": False, "solution": False, "locked": True, "schema_version": 3}
    demonstration = new_code_cell(
        "print('shown')",
        id="show",
        metadata={"tags": ["demonstration"], "nbgrader": {**settings, "grade_id": "show"}},
    )
    playground = new_code_cell("1", id="play", metadata={"tags": ["demonstration", "playground"]})
    assignment = small.make_assignment(demonstration, playground)
    notebook = small.submission(assignment)
    notebook.cells[-1].source = "print('played')"
    graded = small.grade(notebook, assignment, full=full)
    outputs = [output for cell in graded.notebook.cells[-2:] for output in cell.outputs]
    assert len(outputs) == shown
    assert small.passed(graded) == [True, True, True]


# What goes wrong costs one exercise


def test_each_failure_costs_its_own_exercise_and_says_why(assignment):
    proof = attacks.PROOF.format(course="", port=0, outside=__file__)
    failures = {
        "zeros": ("os._exit(3)", "ended its Python process (exit code 3)"),
        "random": ("while True: pass", "ran longer than 1 s and was stopped"),
        "he": ("bytearray(10**9)", "raised MemoryError"),
    }
    answers = {name: proof + answer(name, start=code) for name, (code, _) in failures.items()}
    graded = small.grade(small.submission(assignment, **answers), assignment)
    assert small.passed(graded) == [False, False, False]
    for exercise, (_, reason) in failures.items():
        assert "this is not a sandbox" not in graded.facts.verdicts[f"test-{exercise}"].message
        (output,) = small.cell_of(graded, f"test-{exercise}").outputs
        assert output.output_type == "error"
        assert reason in output.evalue
    assert "Does each loop end?" in graded.facts.verdicts["test-random"].hint


def test_a_cell_that_never_ends_is_stopped_and_the_others_count(assignment):
    proof = attacks.PROOF.format(course="", port=0, outside=__file__)
    limits = dataclasses.replace(small.LIMITS, cell_seconds=2)
    endless = small.submission(assignment, zeros=proof + "while True: pass")
    graded = small.grade(endless, assignment, limits)
    assert small.passed(graded) == [False, True, True]
    assert "Stopped: this code ran longer than" in graded.facts.verdicts["test-zeros"].case


def test_a_notebook_that_uses_up_its_time_keeps_its_right_answers(assignment):
    proof = attacks.PROOF.format(course="", port=0, outside=__file__)
    notebook = small.submission(assignment)
    notebook.cells += [new_code_cell(proof + "os._exit(0)", id=f"mine-{n}") for n in range(150)]
    limits = dataclasses.replace(
        small.LIMITS, total_seconds=8, own_cells_seconds=100, notebook_bytes=10**6
    )
    graded = small.grade(notebook, assignment, limits)
    assert small.passed(graded) == [True, True, True]
    assert "time for this submission was used up" in small.text_of(
        graded.notebook.cells[-1].outputs[0]
    )


class Clock:
    """Time that passes when somebody spends it, also in a child."""

    process_time = staticmethod(time.process_time)

    def __init__(self):
        self._now = multiprocessing.Value("d", 1_000.0)

    @property
    def now(self):
        return self._now.value

    def spend(self, seconds):
        self._now.value += seconds

    def monotonic(self):
        return self.now


def slow_process(clock, start, cell, fails_at):
    """A process that takes a share of the time that it is given, and then dies now and then."""

    class Slow:
        runs = 0

        def __init__(self, files, limits, profile, seconds):
            self.limits = limits
            clock.spend(seconds * start)

        def _spend(self, seconds):
            clock.spend(seconds * cell)
            Slow.runs += 1
            if Slow.runs % fails_at == 0:
                raise ProcessDied("it took too long")

        def run_cell(self, source, seconds, interrupt_after=0):
            self._spend(seconds)
            return CellResult([], False)

        def read(self, cells, limits, seconds):
            self._spend(seconds)
            return {"found": []}

        def functions(self, seconds):
            self._spend(seconds)
            return {f"initialize_parameters_{exercise}" for exercise in EXERCISES}

        def call(self, function, arguments, seconds, keywords, seed):
            self._spend(seconds)
            raise StudentError("ValueError", "no", [])

        def close(self):
            pass

    return Slow


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("start", "cell", "fails_at"),
    [(1, 0.1, 5), (0.3, 0.05, 2), (0.01, 1, 1), (0.01, 0.3, 7), (0.001, 0.02, 30)],
)
def test_no_mixture_of_starts_takes_more_than_the_time_for_all(
    assignment, monkeypatch, inside, start, cell, fails_at
):
    if inside:
        assignment = dataclasses.replace(assignment, inside=frozenset(assignment.points()))
    clock = Clock()
    monkeypatch.setattr(run, "time", clock)
    monkeypatch.setattr(session, "time", clock)
    monkeypatch.setattr(examiner, "time", clock)
    monkeypatch.setattr(session, "StudentProcess", slow_process(clock, start, cell, fails_at))
    limits = Limits()
    graded = small.grade(small.submission(assignment), assignment, limits)
    assert len(graded.facts.verdicts) == len(EXERCISES)
    assert clock.now - 1_000 <= limits.total_seconds + 1e-6


def test_an_array_of_the_other_byte_order_is_as_wrong_as_in_public(course):
    foreign = answer("zeros", "np.zeros((layers_dims[l], layers_dims[l - 1])).astype('>f8')")
    submission = courses.hand_in(course, "ada", courses.answers(zeros=foreign)).read_bytes()
    ours = courses.assignment_in(course / "source/Initialization")
    assert grade_submission(submission, ours).facts.verdicts["test-zeros"].code == "wrong-dtype"


# Cells of the student's own


LOOP = "total = 0\nfor i in range(10 ** 9):\n    total += i\n"


def test_training_that_was_left_in_the_notebook_is_interrupted_and_says_so(assignment):
    limits = dataclasses.replace(small.LIMITS, own_cells_seconds=0.5)
    notebook = small.submission(assignment, random="1")
    notebook.cells += [new_code_cell(LOOP + "print('done')", id=f"training-{n}") for n in range(3)]
    graded = small.grade(notebook, assignment, limits)
    assert small.passed(graded) == [True, False, True]
    interrupted, *later = (cell.outputs[0] for cell in graded.notebook.cells[-3:])
    assert interrupted.ename == "Interrupted"
    assert all(output.text.startswith("Not run: ") for output in later)

    for cell in notebook.cells:
        cell.source = cell.source.replace("10 ** 9", "10")
    for full in (False, True):
        graded = small.grade(notebook, assignment, limits, full=full)
        assert small.text_of(graded.notebook.cells[-1].outputs[0]) == "done\n"


@pytest.mark.parametrize(
    "slow",
    [
        "power = sum(0.5 / 10 ** 6 for _ in range(10 ** 6))",
        "import time; time.sleep(0.05); power = 0.5",
        "power = 0.5\n" + LOOP.replace("9", "6"),
    ],
)
def test_what_an_answer_needs_of_a_cell_that_was_interrupted_is_computed(assignment, slow):
    limits = dataclasses.replace(small.LIMITS, own_cells_seconds=0.02)
    weights = "np.random.randn(layers_dims[l], layers_dims[l - 1]) * factor(layers_dims[l - 1])"
    notebook = small.submission(assignment, he=answer("he", weights))
    insert(notebook, "he", slow)
    insert(notebook, "he", "def factor(n):\n    return (2 / n) ** power")
    assert small.passed(small.grade(notebook, assignment, limits)) == [True, True, True]


def test_a_cell_that_heeds_no_interruption_costs_its_process_and_no_points(assignment):
    proof = attacks.PROOF.format(course="", port=0, outside=__file__)
    deaf = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n" + LOOP
    limits = dataclasses.replace(small.LIMITS, own_cells_seconds=0.2)
    notebook = small.submission(assignment)
    notebook.cells.append(new_code_cell(proof + deaf))
    graded = small.grade(notebook, assignment, limits)
    assert small.passed(graded) == [True, True, True]
    assert graded.notebook.cells[-1].outputs[0].ename == "Stopped"


# In JupyterLab each test runs right below its answer


def with_helper(exercise, factor):
    """An answer with a helper of its own; both exercises call theirs by the same name."""
    helper = (
        f"def weights(rows, columns):\n    return np.random.randn(rows, columns) * {factor}\n\n"
    )
    return helper + answer(exercise, "weights(layers_dims[l], layers_dims[l - 1])")


def insert(notebook, before, source):
    """Insert a cell of the student before the answer to an exercise."""
    (position,) = [n for n, c in enumerate(notebook.cells) if c.id == f"initialize-{before}"]
    notebook.cells.insert(position, new_code_cell(source))


def test_two_answers_may_have_helpers_of_the_same_name(assignment):
    answers = {
        "random": with_helper("random", "10"),
        "he": with_helper("he", "np.sqrt(2 / columns)"),
    }
    graded = small.grade(small.submission(assignment, **answers), assignment)
    assert small.passed(graded) == [True, True, True]


def test_cells_between_the_exercises_may_give_a_name_another_value(assignment):
    weights = "np.random.randn(layers_dims[l], layers_dims[l - 1]) * scale(layers_dims[l - 1])"
    answers = {exercise: answer(exercise, weights) for exercise in ("random", "he")}
    notebook = small.submission(assignment, **answers)
    insert(notebook, "random", "def scale(n):\n    return 10")
    insert(notebook, "he", "def scale(n):\n    return np.sqrt(2 / n)")
    assert small.passed(small.grade(notebook, assignment)) == [True, True, True]


def test_a_helper_cell_works_beside_an_answer_that_spoils_numpy(assignment):
    answers = {"random": "np.zeros = None", "he": answer("he", biases="column(layers_dims[l])")}
    notebook = small.submission(assignment, **answers)
    insert(notebook, "he", "def column(n):\n    return np.zeros((n, 1))")
    assert small.passed(small.grade(notebook, assignment)) == [True, False, True]


def test_a_seed_that_an_earlier_call_has_set_does_not_help(assignment):
    late = answer("random", seed="", end="np.random.seed(3)\nreturn parameters")
    notebook = small.submission(assignment, random=late + "\ninitialize_parameters_random([2, 1])")
    assert small.passed(small.grade(notebook, assignment)) == [True, False, True]


@pytest.mark.parametrize(
    "name", ["Initialize_Parameters_He", "initializeparameters_he", "initialise_parameters_he"]
)
def test_a_function_of_a_similar_name_is_named(assignment, name):
    notebook = small.submission(assignment, he=answer("he", function=name))
    verdict = small.grade(notebook, assignment).facts.verdicts["test-he"]
    assert (verdict.code, verdict.passed) == ("wrong-name", False)
    assert (
        verdict.message == f"There is no function initialize_parameters_he; a cell defines {name}."
    )


@pytest.mark.parametrize("last", ["def initialize_parameters_he(x):\n    return {}", "1"])
def test_an_experiment_at_the_end_costs_nothing(assignment, last):
    notebook = small.submission(assignment)
    notebook.cells.append(new_code_cell(last))
    assert small.passed(small.grade(notebook, assignment)) == [True, True, True]


def test_a_copied_function_not_renamed_costs_its_own_exercise_only(assignment):
    notebook = small.submission(
        assignment, random=answer("random", function="initialize_parameters_zeros")
    )
    assert small.passed(small.grade(notebook, assignment)) == [True, False, True]


def test_an_answer_may_use_what_the_cells_define_that_grading_skips():
    skipped = [
        new_code_cell(source, id=name, metadata={"tags": ["demonstration"]})
        for name, source in {
            "dataset": "train_X, train_Y = np.ones((2, 3)), np.ones((1, 3))",
            "sizes": "sizes = [train_X.shape[0]]",
            "training": "raise RuntimeError('needless')",
        }.items()
    ]
    assignment = small.make_assignment(*skipped)
    notebook = small.submission(assignment, he="inputs = sizes[0]\n" + answer("he"))
    graded = small.grade(notebook, assignment)
    assert small.passed(graded) == [True, True, False]  # here the cells stand below the answer
    notebook.cells[1:1] = [notebook.cells.pop() for _ in skipped][::-1]
    assignment = dataclasses.replace(assignment, notebook=reordered(assignment, skipped))
    graded = small.grade(notebook, assignment)
    assert small.passed(graded) == [True, True, True]
    assert small.cell_of(graded, "training").outputs == []


def test_a_name_of_a_skipped_cell_is_not_called_missing():
    dataset = new_code_cell("ten = 1", id="dataset", metadata={"tags": ["demonstration"]})
    assignment = small.make_assignment(dataset)
    assignment = dataclasses.replace(assignment, notebook=reordered(assignment, [dataset]))
    weights = "np.random.randn(layers_dims[l], layers_dims[l - 1]) * ten"
    notebook = small.submission(assignment, random=answer("random", weights))
    verdict = small.grade(notebook, assignment).facts.verdicts["test-random"]
    assert verdict.code and "NameError" not in verdict.message


@pytest.mark.parametrize(
    "binding", ["import math", "import os, math", "for math in [__import__('math')]: pass"]
)
def test_an_answer_may_use_what_a_playground_defines_in_any_way(binding):
    playground = new_code_cell(binding, id="play", metadata={"tags": ["playground"]})
    assignment = small.make_assignment(playground)
    he = answer(
        "he", "np.random.randn(layers_dims[l], layers_dims[l-1]) * math.sqrt(2 / layers_dims[l-1])"
    )
    notebook = small.submission(assignment, he=he)
    assert small.passed(small.grade(notebook, assignment)) == [True, True, True]


def test_what_has_passed_without_the_skipped_cells_has_passed():
    playground = new_code_cell("", id="play", metadata={"tags": ["playground"]})
    assignment = small.make_assignment(playground)
    assignment = dataclasses.replace(assignment, notebook=reordered(assignment, [playground]))
    weights = "np.random.randn(layers_dims[l], layers_dims[l - 1]) * root(2 / layers_dims[l - 1])"
    he = answer("he", weights)
    notebook = small.submission(
        assignment, zeros="rate\n" + answer("zeros", end="return {}"), he=he
    )
    (cell,) = [cell for cell in notebook.cells if cell.id == "play"]
    cell.source = "root = 3\nrate = 1.0"
    notebook.cells.insert(0, new_code_cell("def root(x):\n    return np.sqrt(x)"))
    assert small.passed(small.grade(notebook, assignment)) == [False, True, True]


def reordered(assignment, moved):
    """Our notebook with these cells, which are the last, in second place."""
    ours = nbformat.reads(assignment.notebook.decode(), as_version=4)
    ours.cells[1:1] = [ours.cells.pop() for _ in moved][::-1]
    return nbformat.writes(ours).encode()


def test_a_wrong_magic_above_an_answer_is_named(assignment):
    notebook = small.submission(assignment, he="%notamagic\n" + answer("he"))
    verdict = small.grade(notebook, assignment).facts.verdicts["test-he"]
    assert verdict.message.endswith("cannot be tested, because its cell failed.")
    assert verdict.case.startswith("UsageError: Line magic function `%notamagic` not found")


# Hidden tests


def test_no_cell_can_show_with_what_the_hidden_tests_call(assignment):
    remembers = {
        exercise: "seen = []\n" + answer(exercise, start="seen.append(list(layers_dims))")
        for exercise in EXERCISES
    }
    notebook = small.submission(assignment, **remembers)
    for number in range(len(notebook.cells), 0, -1):
        notebook.cells.insert(number, new_code_cell("print(seen)\nraise ValueError(seen)"))
    graded = small.grade(notebook, assignment)
    assert small.passed(graded) == [True, True, True]
    shown = nbformat.writes(small.without_answers(graded.notebook))
    assert shown.count("[]") > 3
    assert not any(secret in shown for secret in small.SECRETS)


@pytest.mark.parametrize(
    ("exercise", "mistake"),
    [
        ("zeros", "parameters['W1'][-1, -1] = 0.123"),
        ("random", "parameters['W1'][-1, -1] += 1"),
        ("random", "parameters['W1'] *= 1.1"),
        ("random", "parameters['W1'] = parameters['W1'].T"),
        ("he", "raise ValueError('oh')"),
        ("he", "return str(len(layers_dims))"),
    ],
)
def test_a_hidden_check_says_in_words_what_is_wrong(assignment, exercise, mistake):
    public = "(4, 3, 5, 1), (3, 4, 3, 4, 1), (5, 3)"
    end = f"if tuple(layers_dims) not in ({public}): {mistake}\nreturn parameters"
    wrong = answer(exercise, end=end)
    graded = small.grade(small.submission(assignment, **{exercise: wrong}), assignment)
    verdict = graded.facts.verdicts[f"test-{exercise}"]
    assert not verdict.passed
    assert verdict.message.startswith("A hidden check with other layer sizes failed: ")
    assert verdict.hint and not verdict.case
    shown = nbformat.writes(small.without_answers(graded.notebook))
    assert not any(secret in shown for secret in small.SECRETS)
    assert not any(number in shown for number in numbers_of_the_hidden_tests(exercise))


def numbers_of_the_hidden_tests(exercise):
    """What is expected there and not in the public tests, to the digits that messages show."""
    factor = {"zeros": 1, "random": 10, "he": np.sqrt(2 / 64)}[exercise]
    numbers = np.random.RandomState(3).randn(64 * 33)[40:] * factor
    return {f"{number:.{digits}g}" for number in numbers for digits in (6, 10)}


# What pages show


def test_all_outputs_of_a_notebook_together_have_a_size(assignment):
    notebook = small.submission(assignment)
    notebook.cells += [new_code_cell("print('x' * 1900)", id=f"mine-{n}") for n in range(30)]
    graded = small.grade(notebook, assignment)
    assert len(json.dumps(list(small.outputs_of(graded)))) < 30_000
    assert "more than 20000 bytes" in small.text_of(graded.notebook.cells[-1].outputs[0])
    assert small.passed(graded) == [True, True, True]


def test_text_cells_of_students_are_plain_and_ours_are_as_they_were(assignment):
    ours = new_markdown_cell("Our *text* with $x$", id="ours")
    assignment = small.make_assignment(ours)
    notebook = small.submission(assignment)
    notebook.cells[-1].source = "<script>alert(1)</script>"
    notebook.cells.append(new_markdown_cell("<script>alert(2)</script> $x$ ```", id="mine"))
    graded = small.grade(notebook, assignment)
    assert [cell.source for cell in graded.notebook.cells[-2:]] == [
        "Our *text* with $x$",
        "````\n<script>alert(2)</script> $x$ ```\n````",
    ]


def test_long_code_is_shown_without_colors(assignment):
    notebook = small.submission(assignment)
    notebook.cells += [student_cell("x = 1\n" * 1_000)]
    notebook = small.grade(notebook, assignment).notebook
    in_color = '<span class="o">=</span> <span class="mi">1</span>'
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    assert page.count(in_color) < 1_000
    notebook.cells[-1].metadata.pop("magics_language")
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    assert page.count(in_color) >= 1_000


EVIL = "\x1b]0;title\x07\x1b[2J\x00\u202e<script>alert(1)</script>\n\r"


def test_a_long_message_is_cut():
    assert readable("a\tb\x1b[31mc") == "a\N{REPLACEMENT CHARACTER}bc"
    assert len(readable(EVIL * 30_000)) < 4_100
    assert readable("x" * 5_000).endswith(" (cut off)")


# What cannot be read


def test_what_cannot_be_read_says_so_in_each_test_cell(assignment):
    graded = grade_submission(b"no notebook", assignment, small.LIMITS)
    assert small.passed(graded) == [False, False, False]
    assert graded.facts.failure == graded.notebook.metadata.autograder.failure != ""
    for exercise in EXERCISES:
        (output,) = small.cell_of(graded, f"test-{exercise}").outputs
        assert graded.facts.failure in output.evalue


def test_the_name_of_a_file_cannot_do_harm(assignment):
    graded = run.without_points(assignment, "There is no \x1b[2J\udcff\u202e.ipynb.")
    assert graded.facts.failure == "There is no \ufffd[2J\ufffd\ufffd.ipynb."
    nbformat.writes(graded.notebook).encode()


# What only analyzing a submission could do


def test_no_source_crashes_or_stalls_the_analysis():
    result = subprocess.run(
        [sys.executable, "-W", "ignore", hard_to_parse.__file__],
        env=os.environ | {"PYTHONPATH": str(courses.PROJECT)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr
