"""Link the README to the places that run a public copy; make the notebook that Colab opens.

``make public PUBLIC=OWNER/REPOSITORY`` runs this, with any Python and without other packages.
"""

import json
import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOK = "Initialization.ipynb"
BADGE = "[![Open in {0}](https://img.shields.io/badge/open%20in-{0}-blue)]({1})"
PLACES = {
    "Colab": "https://colab.research.google.com/github/{}/blob/main/colab/" + NOTEBOOK,
    "Binder": "https://mybinder.org/v2/gh/{}/main?labpath=" + NOTEBOOK,
    "Codespaces": "https://codespaces.new/{}",
}
# Colab opens a notebook alone: this gets the files beside it.
FETCH = [
    "# Run this cell first: it fetches the files that this notebook needs.\n",
    "!git clone --quiet --depth 1 https://github.com/{} course\n",
    "!cp -r course/release/Initialization/*.py course/release/Initialization/lesson .",
]


def main() -> None:
    repository = sys.argv[1]
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        sys.exit("Say which copy: make public PUBLIC=OWNER/REPOSITORY")
    badges = "\n".join(
        BADGE.format(name, address.format(repository)) for name, address in PLACES.items()
    )
    readme = PROJECT / "README.md"
    text = readme.read_text(encoding="utf-8")
    block = re.compile(r"(<!-- public:.*?-->\n).*?(<!-- end -->)", re.DOTALL)
    readme.write_text(block.sub(rf"\1\n{badges}\n\n\2", text), encoding="utf-8")
    notebook = json.loads((PROJECT / NOTEBOOK).read_text(encoding="utf-8"))
    fetch = [line.format(repository) for line in FETCH]
    cell = {"cell_type": "code", "execution_count": None, "id": "fetch", "metadata": {}}
    notebook["cells"].insert(0, cell | {"outputs": [], "source": fetch})
    (PROJECT / "colab").mkdir(exist_ok=True)
    with open(PROJECT / "colab" / NOTEBOOK, "w", encoding="utf-8") as file:
        json.dump(notebook, file, indent=1, ensure_ascii=False)
    print(f"README.md and colab/{NOTEBOOK} now lead to {repository}: commit both.")


if __name__ == "__main__":
    main()
