"""No attack earns points, costs another exercise its points, or changes anything outside.

The attacks of `attacks.toml` stand in the cell of exercise 2, which has a wrong answer; exercises 1
and 3 have right ones.
"""

import os
import re
import socket
import sqlite3
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.sandbox import fork_server
from autograder.sandbox.process import StudentProcess
from tests.attacks.attacks import ATTACKS, FORGERIES, PROOF, WRONG_ANSWER, hand_in
from tests.support import courses, small

OUTPUT_TYPES = {"stream", "error", "display_data", "execute_result"}
# Control sequences other than colors, and characters that reorder text.
CONTROLS = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]|[\u202a-\u202e]")


@pytest.fixture(scope="module")
def assignment():
    return small.make_assignment()


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A course folder, and servers that know the solution; attacks are told where they are."""
    course = tmp_path_factory.mktemp("course")
    for name in ("source", "submitted/bob"):
        folder = course / name / courses.ASSIGNMENT
        folder.mkdir(parents=True)
        solution = courses.PROJECT / "source" / courses.ASSIGNMENT / f"{courses.ASSIGNMENT}.ipynb"
        (folder / solution.name).write_bytes(solution.read_bytes())
    with sqlite3.connect(course / "gradebook.db") as gradebook:
        gradebook.execute("CREATE TABLE grade (manual_score REAL)")
        gradebook.execute("INSERT INTO grade VALUES (0)")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        port = server.getsockname()[1]
        local.bind(f"\0solution-{port}")
        local.listen()
        server.setblocking(False)
        local.setblocking(False)
        yield course, port, (server, local)


def assert_harmless(graded):
    notebook = graded.notebook
    nbformat.validate(notebook)
    assert len(nbformat.writes(notebook)) < 200_000
    shown = nbformat.writes(small.without_answers(notebook))
    assert not any(secret in shown for secret in small.SECRETS)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type in OUTPUT_TYPES
            assert set(output.get("data", {})) <= {"text/plain", "image/png"}
            assert not CONTROLS.search(small.text_of(output))
        verdict = cell.metadata.autograder.get("message", "")
        assert not CONTROLS.search(verdict) and "\x1b" not in verdict
        assert len(verdict) < 5_000


@pytest.mark.parametrize("way", ["warm", "cold"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_fails_and_harms_nobody(attack, way, assignment, outside, request):
    if way == "cold":  # a sandbox of bubblewrap
        request.getfixturevalue("cold")
    else:
        assert fork_server.fork_servers.refusal == ""
    course, port, servers = outside
    proof = PROOF.format(course=str(course), port=port, outside=__file__)
    before = courses.fingerprint(course)
    graded = small.grade(small.submission(assignment, random=proof + attack.cell), assignment)

    said = [small.text_of(output) for output in small.outputs_of(graded)]
    outputs = small.cell_of(graded, "initialize-random").outputs
    ran = "".join(map(small.text_of, outputs)).startswith(("inside", "Stopped"))
    assert ran and not any("not a sandbox" in text for text in said), outputs
    assert small.passed(graded) == [True, False, True], graded.facts.verdicts
    assert not any("STOLEN" in text for text in said), said
    assert_harmless(graded)
    assert courses.fingerprint(course) == before
    for server in servers:
        with pytest.raises(BlockingIOError):
            server.accept()


FOOLING = [attack for attack in ATTACKS if attack.fools_tests_beside_it]


@pytest.mark.parametrize("attack", FOOLING, ids=lambda attack: attack.name)
def test_the_same_attack_fools_tests_that_run_beside_it(attack, assignment):
    """Shows that the attack is one: here the tests run in the student's own process."""
    proof = PROOF.format(course="", port=0, outside=__file__)
    with StudentProcess(assignment.files, small.LIMITS) as process:
        for cell in small.submission(assignment, random=proof + attack.cell).cells:
            if not cell.id.startswith("test-"):
                assert not process.run_cell(cell.source, 30).failed
        test = process.run_cell(assignment.test_source("test-random"), 30)
    assert "error" not in [output["output_type"] for output in test.outputs]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_notebook_earns_nothing(forge, assignment):
    notebook = small.submission(assignment, random=WRONG_ANSWER)
    forge(notebook)
    graded = small.grade(notebook, assignment)
    assert small.passed(graded) == [True, False, True]
    assert_harmless(graded)
    tests = [cell for cell in graded.notebook.cells if cell.metadata.autograder.role == "test"]
    assert [cell.metadata.nbgrader.points for cell in tests] == [10, 10, 10]
    graded_cells = [cell for cell in graded.notebook.cells if "nbgrader" in cell.metadata]
    assert len(graded_cells) == len(assignment.cells)
    assert not any("All tests passed." in output.get("text", "") for output in tests[1].outputs)


IN_A_BATCH = ["ends-the-process-when-called", "scripts-in-displays", "reads-the-solution"]
IN_EACH_WAY = [*IN_A_BATCH, "ends-the-process-in-its-cell", "asks-a-server", "not-a-function"]


@pytest.mark.parametrize("way", ["warm", "cold", "inside"])
def test_a_batch_gets_the_same_scores_in_each_way(way, assignment, outside, request):
    """The attacks are those that fool no test, wherever it runs."""
    if way == "cold":
        request.getfixturevalue("cold")
    inside = frozenset(assignment.points()) if way == "inside" else frozenset()
    assignment = replace(assignment, inside=inside)
    proof = PROOF.format(course=str(outside[0]), port=outside[1], outside=__file__)
    batch = {one.name: proof + one.cell for one in ATTACKS if one.name in IN_EACH_WAY}
    assert len(batch) == len(IN_EACH_WAY)
    batch |= {"wrong": WRONG_ANSWER, "right": small.RIGHT_ANSWERS["random"]}
    beside = {"numpy.py": b"raise SystemExit('shadowed')"}
    for name, source in batch.items():
        notebook = small.submission(assignment, random=source)
        graded = small.grade(notebook, assignment, handed_in=beside)
        assert small.passed(graded) == [True, name == "right", True], name


# Real courses, with the commands that instructors use


def hand_in_attacks(course, names):
    """Hand in attacks, each with hostile files beside it, between honest notebooks."""
    for honest in ("ada", "zoe"):
        courses.hand_in(course, honest, courses.answers())
    by_name = {attack.name: attack for attack in ATTACKS}
    for name in names:
        path = hand_in(course, by_name[name])
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(new_markdown_cell("<script>alert('text')</script>"))
        notebook.cells.append(new_code_cell("print('<script>alert(1)</script>')"))
        nbformat.write(notebook, path)
        (path.parent / "numpy.py").write_text("raise SystemExit('shadowed')\n")
        (path.parent / "stolen.db").symlink_to(course / "gradebook.db")
    path = courses.submission_path(course, "linked")
    path.parent.mkdir(parents=True)
    path.symlink_to(courses.released(course))


def expected_scores(names):
    honest = {name: [10, 10, 10] for name in ("ada", "zoe")}
    return honest | {name: [10, 0, 10] for name in names} | {"linked": [0, 0, 0]}


def test_a_batch_with_attacks_is_graded_to_the_end(course):
    names = ["writes-into-the-course", *IN_A_BATCH]
    hand_in_attacks(course, names)
    odd = courses.hand_in(course, "odd", courses.answers())
    os.rename(odd, os.fsencode(odd.parent) + b"/\xff\x1b[2J.ipynb")
    folders = [course / name for name in ("source", "release", "submitted")]
    before = [courses.fingerprint(folder) for folder in folders]

    result = courses.grade(course, "--jobs", "2")
    assert result.returncode == 1  # the link is reported as unreadable
    assert "Traceback" not in result.stderr and "\x1b[2J" not in result.stdout
    assert [courses.fingerprint(folder) for folder in folders] == before
    assert courses.scores(course) == expected_scores(names) | {"odd": [0, 0, 0]}
    assert "] odd: " in result.stdout  # no notebook may have such a name

    feedback = courses.run(course, "nbgrader", "generate_feedback", courses.ASSIGNMENT)
    assert feedback.returncode == 0, feedback.stderr
    pages = list(course.glob(f"feedback/*/{courses.ASSIGNMENT}/*.html"))
    assert len(pages) == len(courses.scores(course))
    for page in pages:
        text = page.read_text()
        assert "<script" not in text
        assert not any(secret in text for secret in small.SECRETS)


def test_nbgrader_grades_a_batch_with_attacks_to_the_end(course):
    names = ["writes-into-the-course", "input-transformer"]
    hand_in_attacks(course, names)
    beside = courses.submission_path(course, names[1])
    for name in ("page.html", "page.ipynb"):
        beside.with_name(name).write_text("<script>alert(1)</script>")
    folders = [course / name for name in ("source", "release", "submitted")]
    before = [courses.fingerprint(folder) for folder in folders]
    result = courses.run(course, "nbgrader", "autograde", courses.ASSIGNMENT)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert [courses.fingerprint(folder) for folder in folders] == before
    assert courses.scores(course) == expected_scores(names)
    kept = {path.name for path in course.glob(f"autograded/*/{courses.ASSIGNMENT}/*")}
    assert "stolen.db" not in kept
    assert "page.html" not in kept  # it would be handed out as feedback
    (comment, *_) = courses.comments(course)[names[1]]
    assert "could be used: page.html, stolen.db." in comment
