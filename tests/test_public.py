"""`make public`: links to a public copy, and the notebook that Colab opens."""

import json
import subprocess

from tests.support import courses


def test_one_name_fills_all_links_and_the_notebook_of_colab(tmp_path):
    project = courses.copy_of_project(tmp_path / "project")
    readme = project / "README.md"
    assert "OWNER/REPOSITORY" not in readme.read_text() and "mybinder" not in readme.read_text()
    for name in ("ann/first", "bob/second"):
        subprocess.run([*courses.MAKE, "public", f"PUBLIC={name}"], cwd=project, check=True)
    text = readme.read_text()
    assert text.count("bob/second") == 3 and "ann/first" not in text
    given = json.loads((project / "Initialization.ipynb").read_text())["cells"]
    fetch, *rest = json.loads((project / "colab" / "Initialization.ipynb").read_text())["cells"]
    assert rest == given and "https://github.com/bob/second" in "".join(fetch["source"])


def test_without_a_name_nothing_changes(tmp_path):
    project = courses.copy_of_project(tmp_path / "project")
    before = (project / "README.md").read_bytes()
    done = subprocess.run([*courses.MAKE, "public"], cwd=project, capture_output=True, text=True)
    assert done.returncode and "PUBLIC=OWNER/REPOSITORY" in done.stderr
    assert (project / "README.md").read_bytes() == before and not (project / "colab").exists()
