"""Measure how fast the film and the laboratory answer, against a figure that is drawn anew.

    python benchmarks/widgets.py

Ends with 1 if the film needs more than 100 ms for any frame, or the laboratory more than 2 s for
the network of the notebook: on an idle machine, from the choice to the picture, browser aside.
"""

import asyncio
import io
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from matplotlib.figure import Figure

from init_utils import load_dataset
from lesson.film import film_widget, plot_strip
from lesson.laboratory import Choices, Laboratory, train

FRAME_SECONDS, TRAINING_SECONDS = 0.1, 2.0


def recorded() -> dict:
    """Three trainings under the names of the notebook's, by iteration."""
    X, Y, _, _ = load_dataset()
    starts = {
        "zeros": Choices("zeros"),
        "random": Choices("normal", scale=20),
        "he": Choices("He"),
    }
    return {
        name: {
            i: {key: value.copy() for key, value in parameters.items()}
            for i, parameters, _ in train(choices, X, Y)
        }
        for name, choices in starts.items()
    }


def seconds(action) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> int:
    X, Y, _, _ = load_dataset()
    snapshots = recorded()
    slider = film_widget(snapshots, X, Y).children[0].children[1]
    frames = [
        seconds(lambda i=i: setattr(slider, "value", i)) for i in range(300, slider.max + 1, 300)
    ]
    anew = seconds(lambda: plot_strip(snapshots, X, Y, Figure()).savefig(io.BytesIO())) / 6
    frame = statistics.median(frames)
    print(f"film: a frame takes {1000 * frame:.0f} ms, the slowest {1000 * max(frames):.0f} ms;")
    print(f"      drawn anew, three planes take {anew / frame:.1f} times as long")

    laboratory = Laboratory(X, Y)
    look = seconds(lambda: setattr(laboratory.fields["depth"], "value", 8))
    laboratory.fields["depth"].value = 2
    bare = seconds(lambda: list(train(Choices(), X, Y)))
    whole = seconds(lambda: asyncio.run(laboratory.train()))
    print(f"laboratory: a choice takes {1000 * look:.0f} ms, a training {whole:.2f} s,")
    print(f"      {whole / bare:.2f} times as long as without pictures and Stop button")
    return 0 if max(frames) < FRAME_SECONDS and whole < TRAINING_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
