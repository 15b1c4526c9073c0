"""Editions in other languages: their catalogues, and a toy one that shows what escapes them."""

import gettext
import json
import os
import re

import nbformat
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from bs4 import BeautifulSoup

from autograder.facts import Facts, Repair, Verdict
from autograder.grading.examiner import on_death
from autograder.grading.reading import TOO_MUCH
from autograder.language import in_words
from autograder.sandbox.process import TimedOut
from examples.submissions import fill_in
from tests.support import courses
from tests.support.mistakes import MISTAKES
from tools.catalogues import PRODUCTS, problems, read, template
from tools.edition import KEPT, SOURCE, blocks, has_words, make_course, translated

CATALOGUES = sorted(courses.PROJECT.glob("*/locale/*.po"))
TOY = "eo"
ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "áƀćďéƒǵĥíĵḱĺḿńóṕɋŕśţúṽẃẋýźÁƁĆĎÉƑǴĤÍĴḰĹḾŃÓṔɊŔŚŢÚṼẂẊÝŹ",
)
UNTOUCHED = re.compile("|".join([*(one.pattern for one in KEPT.values()), r"\\[a-z]|&\w+;"]), re.S)
ENGLISH = re.compile(r"(?<![\w./\[-])[A-Za-z]{4,}(?![\w(\]])")


def accented(text):
    """The text in the toy language: an accent on each letter outside of what is kept."""
    kept = [match[0] for match in UNTOUCHED.finditer(text)] + [""]
    words = UNTOUCHED.sub("\0", text).translate(ACCENTS).split("\0")
    return "".join(one + other for one, other in zip(words, kept, strict=True))


def escaped(text):
    """English words of a text that stand outside of what is kept."""
    for kept in KEPT.values():
        text = kept.sub(" ", text)
    return ENGLISH.findall(text)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with catalogues of the toy language, and the course made of them."""
    folder = courses.copy_of_project(tmp_path_factory.mktemp("toy") / "project")
    for product in PRODUCTS:
        catalogue = Catalog(locale=TOY)
        for message in template(product):
            if message.id:
                one_or_two = isinstance(message.id, tuple)
                text = tuple(map(accented, message.id)) if one_or_two else accented(message.id)
                catalogue.add(message.id, text, context=message.context)
        assert not list(problems(catalogue))
        with open(folder / product / "locale" / f"{TOY}.mo", "wb") as file:
            write_mo(file, catalogue)
    result = courses.run(folder, "tools.edition", TOY)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def course(project):
    return project / "build" / TOY


def cells_of(course):
    return json.loads(courses.released(course).read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: "/".join(path.parts[-3:]))
def test_no_translation_changes_what_must_stay_as_it_is(path):
    wrong = [
        f"{message.context}: {kind}: {message.id}"
        for kind, message in problems(read(path))
        if kind not in ("missing", "fuzzy")
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: "/".join(path.parts[-3:]))
def test_catalogues_hold_the_words_of_today(path):
    def keys(catalogue):
        return {(one.context, one.id) for one in catalogue if one.id}

    assert keys(read(path)) == keys(template(path.parts[-3])), "run: make catalogues"


@pytest.mark.parametrize(
    ("english", "other", "kind"),
    [
        ("Line {line}.", "Dòng {dong}.", "other field"),
        ("It is $n - 1$.", "Là $n + 1$.", "other formula"),
        ("See [it](#1-Packages).", "Xem [nó](#1-Gói).", "other link target"),
        ("Use `np.zeros`.", "Dùng `np.zero`.", "other code span"),
        ("<b>one</b> row", "một hàng", "other HTML tag"),
        ("cost: ", "chi phí:", "other blank at an end"),
        ("one", "", "missing"),
    ],
)
def test_each_change_of_what_is_kept_is_found(english, other, kind):
    catalogue = Catalog(locale="vi")
    catalogue.add(english, other)
    assert [found for found, _ in problems(catalogue)] == [kind]


def test_sentences_around_values_are_said_with_them(project):
    with open(project / "autograder" / "locale" / f"{TOY}.mo", "rb") as file:
        words = gettext.GNUTranslations(file)
    death = on_death(TimedOut("this code ran longer than 2.5 s and was stopped")).in_words(words)
    failed = Verdict.from_text(False, "raises-X", "X", "in the line: f(1)").in_words(words)
    kernel = "The notebook asked for kernel 'ir' and language 'R'; python3 was used."
    reasons = [
        "there is no file 1. The folder holds several notebooks of other names: 2.",
        "The notebook has 2,001 cells; at most 2,000 are read.",
        "The file is a PDF document, not a notebook.",
    ]
    said = [death.message, death.hint, failed.case, Repair("kernel", detail=kernel).text(words)]
    said += [TOO_MUCH[0].text(words), *(in_words(words, one) for one in reasons)]
    assert in_words(words, "in the line: " * 9).count("in the line: ") == 6  # not without end
    assert not escaped(re.sub("notebook:|python3", "", " ".join(said)))
    assert "2.5" in said[0] and "f(1)" in said[2] and "python3" in said[3] and "2,001" in said[-2]


def test_a_text_is_split_at_blank_lines_outside_of_formulas():
    text = "# One\n\nTwo\nlines\n\n$$a\n\nb$$\n\n- three"
    assert [one for one in blocks(text) if one.strip()] == [
        "# One",
        "Two\nlines",
        "$$a\n\nb$$",
        "- three",
    ]
    assert "".join(blocks(text)) == text
    assert not has_words("$$a\n\nb$$") and has_words("Two\nlines")


def test_no_sentence_of_the_notebook_escapes(course):
    for cell in cells_of(course):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            assert not escaped(source), cell["id"]
        else:
            comments = re.findall(r"(?<!#)# (.+)", source)
            assert not [one for one in comments if escaped(one) and "YOUR CODE" not in one]


def test_links_lead_to_the_headings_of_the_edition(course):
    texts = "\n".join("".join(cell["source"]) for cell in cells_of(course))
    anchors = {one.replace(" ", "-") for one in re.findall(r"^#+ (.+)$", texts, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]+)\)", texts)
    assert len(links) > 10 and set(links) <= anchors


def test_ids_and_settings_are_those_of_the_english_edition(course):
    english = json.loads((courses.PROJECT / "Initialization.ipynb").read_text(encoding="utf-8"))
    for ours, theirs in zip(english["cells"], cells_of(course), strict=True):
        for cell in (ours, theirs):
            cell["metadata"].get("nbgrader", {}).pop("checksum", "")
        assert (ours["id"], ours["metadata"]) == (theirs["id"], theirs["metadata"])


def test_a_translation_that_changes_a_statement_is_refused():
    cell = {"cell_type": "code", "source": 'print(f"about {number}")'}
    with pytest.raises(ValueError, match="changes what this cell does"):
        translated(cell, lambda text: "khoảng {so}")


SAID = """
import json
import IPython.display
from lesson import guess, kernel, rules
from tests.support.mistakes import MISTAKES, RARE_MISTAKES, failure_of
shown = []
IPython.display.display = lambda data, raw: shown.append(data["text/html"])
guess.display = IPython.display.display
failures = [(one, failure_of(one)) for one in [*MISTAKES, *RARE_MISTAKES]]
by_the_grader = "wrong-name"  # here the cell was not run
other = [one.name for one, said in failures if one.code not in (said.code, by_the_grader)]
kernel.shell = lambda: type("Shell", (), {"user_ns": {"In": []}, "transform_cell": str})
for _, failure in failures:
    shown += failure._render_traceback_()
boxes = [*shown]
for name in guess.QUESTIONS:
    guess.ask(name)
    guess.reply(name)
shown += map(str, rules.check_cells({"cells": [
    {"cell_type": "code", "source": "x = 1", "metadata": {}},
    {"cell_type": "code", "source": "", "metadata": {"nbgrader": {"grade_id": "test-he"}}},
]}))
print(json.dumps([other, boxes, shown[len(boxes):]]))
"""


def assert_all_accented(html):
    """No English stands in a page, but for code and for what Python itself says."""
    page = BeautifulSoup(html, "html.parser")
    for tag in page(["style", "script", "code", "pre"]):
        tag.extract()
    of_python = r"\w*(Error|Exit)(: [^.]*)?|ndarray of \w+|initialize_parameters_\w+|layers_dims"
    text = re.sub(rf"\[[\w-]+\]|`.*?`|{of_python}|(test|initialize)-\w+", "", page.get_text(" "))
    assert not escaped(text), text


@pytest.mark.parametrize("language", [TOY, "vi"])
def test_every_listed_mistake_has_its_code_and_no_english_words(project, tmp_path, language):
    make_course(language, project / "lesson" / "locale" / f"{language}.mo", tmp_path)
    (tmp_path / "said.py").write_text(SAID)
    path = f"{tmp_path / SOURCE}{os.pathsep}{courses.PROJECT}"
    result = courses.run(tmp_path, "said", env={**os.environ, "PYTHONPATH": path})
    assert result.returncode == 0, result.stderr
    other, boxes, rest = json.loads(result.stdout.splitlines()[-1])
    assert not other
    some = [*boxes[: 2 * len(MISTAKES) : 18], *rest]
    for said in some if language == TOY else ():
        if "lambda" not in said:  # a sentence of Python with a full stop in it
            assert_all_accented(said)
    english = [max(KEPT["field"].split(one.id), key=len) for one in template("lesson") if one.id]
    text = BeautifulSoup("\n".join(boxes + rest), "html.parser").get_text(" ")
    assert not [one for one in english if len(one) > 20 and one in text]


@pytest.fixture(scope="module")
def graded(project, course):
    """The toy course with feedback: each student has another mistake in each exercise."""
    for number in range(3):
        chosen = {
            exercise: [one for one in MISTAKES if one.exercise == exercise][7 * number]
            for exercise in ("zeros", "random", "he")
        }
        sources = {exercise: one.source for exercise, one in chosen.items()}
        path = courses.hand_in(course, f"student-{number}", courses.answers(**sources))
        codes = [one.code for one in chosen.values()]
        path.parent.joinpath("codes.json").write_text(json.dumps(codes))
    content = json.loads(path.read_text())
    content["cells"] = [one for one in content["cells"] if one["id"] != "packages"]
    content["cells"].append({**content["cells"][-1], "id": "mine", "metadata": {}})
    path.write_text(json.dumps(content))
    english = fill_in(courses.PROJECT / "Initialization.ipynb", courses.answers())
    courses.hand_in_file(course, "english", nbformat.writes(english).encode())
    for command in (["autograder", "grade"], ["nbgrader", "generate_feedback", "Initialization"]):
        result = courses.run(course, *command, env={**os.environ, "PYTHONPATH": str(project)})
        assert result.returncode == 0, result.stdout + result.stderr
    return course


def test_codes_and_points_are_those_of_the_english_edition(graded):
    for path in sorted(graded.glob("submitted/*/Initialization/codes.json")):
        student = path.parts[-3]
        facts = Facts.read(graded / "autograded" / student / "Initialization/Initialization.ipynb")
        assert [one.code for one in facts.verdicts.values()] == json.loads(path.read_text())
        assert courses.scores(graded)[student] == [0, 0, 0]


def test_a_notebook_of_the_english_edition_is_right_here_and_not_repaired(graded):
    facts = Facts.read(graded / "autograded/english/Initialization/Initialization.ipynb")
    assert courses.scores(graded)["english"] == [10, 10, 10]
    assert facts.repairs == facts.violations == []


def test_the_facts_hold_only_english(graded):
    for path in graded.glob("autograded/*/Initialization/Initialization.ipynb"):
        facts = Facts.read(path)
        for said in (*facts.verdicts.values(), *facts.violations, *facts.repairs):
            assert str(said).isascii(), said


def test_no_sentence_escapes_on_feedback_pages(graded):
    pages = sorted(graded.glob("feedback/*/Initialization/Initialization.html"))
    assert len(pages) == 4
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert 'lang="eo"' in html
        assert_all_accented(re.sub("student-|english|Initialization|packages", "", html))


def test_no_sentence_escapes_in_the_report(project, graded):
    env = {**os.environ, "PYTHONPATH": str(project)}
    result = courses.run(graded, "autograder", "report", "Initialization", env=env)
    assert result.returncode == 0 and "Needs manual grading" not in result.stdout, result.stderr
    html = (graded / "report" / "Initialization.html").read_text(encoding="utf-8")
    assert_all_accented(re.sub("student-|english|Initialization|packages", "", html))
