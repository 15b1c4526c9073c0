"""Draw the picture of the README: three starts, their costs and decision boundaries."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import nbformat

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import init_utils

SOURCE = PROJECT / "source" / "Initialization" / "Initialization.ipynb"
CELLS = ("initialize-zeros", "initialize-random", "initialize-he", "model")
NAMES = {"zeros": "zeros", "random": "large random", "he": "He"}


def main() -> None:
    cells = {cell.id: cell.source for cell in nbformat.read(SOURCE, as_version=4).cells}
    notebook = vars(init_utils) | {"np": init_utils.np, "plt": plt}
    for name in CELLS:
        exec(cells[name], notebook)
    X, Y, _, _ = init_utils.load_dataset()

    fig, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained", dpi=110)
    for ax, (kind, name) in zip(axes, NAMES.items(), strict=False):
        trained = notebook["model"](X, Y, initialization=kind, print_cost=False)

        def decide(points, parameters=trained):
            return init_utils.predict_dec(parameters, points.T)

        init_utils.plot_decision_boundary(decide, X, Y, ax=ax)
        accuracy = (decide(X.T) == Y).mean()
        ax.set_title(f"{name}: {accuracy:.0%} right")
        if ax is not axes[0]:
            ax.get_legend().remove()
    for kind, costs in notebook["cost_history"].items():
        init_utils.plot_costs(costs, 0.01, label=kind, ax=axes[3])
    axes[3].set_title("Cost while training")
    fig.savefig(PROJECT / "docs" / "images" / "overview.png")


if __name__ == "__main__":
    main()
