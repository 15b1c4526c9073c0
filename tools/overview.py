"""Draw the picture of the README: the task, and the question of the lesson."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from init_utils import load_dataset, plot_dataset
from lesson.experiments import FACTORS, scaled_start
from lesson.pictures import Plane
from lesson.volume import first_draw

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    X, Y, _, _ = load_dataset()
    figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained", dpi=110)
    plot_dataset(X, Y, ax=axes[0])
    axes[0].set_title("The task: separate the rings")
    starts = first_draw(scaled_start(FACTORS, 1), 1)
    for ax, number in zip(axes[1:], (8, 12), strict=True):
        plane = Plane(ax, X, Y)
        plane.show(starts[number])
        ax.set(xticks=[], yticks=[], xlabel="", ylabel="")
    axes[1].set_title("A network that will learn it ...")
    axes[2].set_title("... and one that will not")
    figure.savefig(PROJECT / "docs" / "images" / "overview.png")


if __name__ == "__main__":
    main()
