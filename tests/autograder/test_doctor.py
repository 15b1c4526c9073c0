"""What ``python -m autograder doctor`` finds, and what it advises."""

import os
import stat

import pytest

from autograder import doctor
from autograder.sandbox import bubblewrap, seccomp
from tests.support import courses


def checks(course) -> dict[str, doctor.Check]:
    return {check.what: check for check in doctor._checks(course)}


def test_a_machine_that_has_everything_can_grade(course, capsys):
    assert doctor.report(course)
    said = capsys.readouterr().out
    assert "Python and NumPy start in it" in said and "warm start" in said
    assert "Grading works here." in said


def test_the_command_ends_with_an_error_where_something_is_missing(course):
    result = courses.run(
        *(courses.PROJECT, "autograder", "doctor", "--course", str(course)),
        env=os.environ | {"PATH": "/nowhere"},
    )
    assert result.returncode == 1
    assert "sudo apt-get install bubblewrap" in result.stdout
    assert "Grading does not work here yet." in result.stdout
    assert result.stderr == ""


def test_refused_namespaces_come_with_a_remedy_for_each_system(course, monkeypatch):
    monkeypatch.setattr(bubblewrap, "may", lambda bwrap, *options: False)
    check = checks(course)["namespaces"]
    assert check.needed and not check.good
    for word in ("Debian", "Ubuntu", "docs/containers.md"):
        assert word in check.remedy
    assert "seccomp=unconfined" not in check.remedy
    assert "sandbox" not in checks(course)


def test_a_machine_without_warm_sandboxes_can_grade(course, cold):
    check = checks(course)["warm start"]
    assert not check.good and not check.needed
    assert "about half a second more for each submission" in check.note


@pytest.mark.parametrize("option", ["--proc", "--hostname"])
def test_what_a_container_forbids_and_grading_does_without_is_no_fault(
    option, course, monkeypatch, capsys
):
    allowed = bubblewrap.may.__wrapped__

    def may(bwrap: str, *options: str) -> bool:
        return option not in options and allowed(bwrap, *options)

    monkeypatch.setattr(bubblewrap, "may", may)
    assert doctor.report(course)
    assert "without " in capsys.readouterr().out


def test_an_unknown_architecture_is_named(course, monkeypatch, cold):
    program = seccomp.program.__wrapped__
    monkeypatch.setattr(doctor.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(seccomp, "program", lambda **_: program("riscv64"))
    found = checks(course)
    assert not found["filter of system calls"].good
    assert not found["sandbox"].good and "riscv64" in found["sandbox"].note


def test_an_exchange_that_is_shut_is_found(course):
    exchange = course / "exchange"
    assert checks(course)["exchange"].good
    exchange.chmod(stat.S_IRWXU)
    check = checks(course)["exchange"]
    assert not check.good and f"install -d -m 777 {exchange}" in check.remedy


def test_a_course_that_may_not_be_read_does_not_end_the_doctor(course, monkeypatch):
    def refuse(root):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor, "load_config", refuse)
    assert checks(course)["sandbox"].good and not checks(course)["course"].good


@pytest.mark.parametrize(
    "line, words", [("c.Grading.total_seconds = 'long'", "'long'"), ("c.Grading.x =", "(line ")]
)
def test_a_setting_with_which_nothing_is_graded_is_named(course, line, words):
    with open(course / "nbgrader_config.py", "a") as config:
        config.write(f"\n{line}\n")
    check = checks(course)["course"]
    assert check.needed and not check.good and words in check.note


def test_doctor_names_the_assignments_with_a_network_and_a_folder_that_is_no_course(
    course, tmp_path
):
    with open(course / "nbgrader_config.py", "a") as config:
        config.write("\nc.Grading.network = ['Initialization']\n")
    assert checks(course)["network"].note == "student code may use it in Initialization"
    nowhere = checks(tmp_path / "empty")["course"]
    assert not nowhere.good and not nowhere.needed and "has no nbgrader_config.py" in nowhere.note
