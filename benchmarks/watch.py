"""A class that submits before a deadline: how long until each student can fetch the feedback.

    python -m benchmarks.watch [--students 300] [--minutes 3] [--hostile 8] [--seed 1]

The students submit in bursts, drawn from the seed, more of them the nearer the deadline. Some of
them are hostile: loops that never end, memory without end, files without end, forged messages.
Each submission is put into the exchange as nbgrader does; the time runs from then until the page
can be fetched.
"""

import argparse
import random
import statistics
import tempfile
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

from tests.support import courses

HE_WRONG = "def initialize_parameters_he(layers_dims):\n    return {}"
HOSTILE = {
    "loop": "def initialize_parameters_he(layers_dims):\n    while True: pass",
    "memory": (
        "def initialize_parameters_he(layers_dims):\n"
        "    return [bytearray(10**8) for _ in range(100)]"
    ),
    "exit": "def initialize_parameters_he(layers_dims):\n    import os; os._exit(0)",
    "files": (
        "def initialize_parameters_he(layers_dims):\n"
        "    for i in range(10**7): open(f'/tmp/{i}', 'w').close()"
    ),
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--hostile", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="watch-") as folder:
        course = courses.generate(Path(folder) / "course")
        exchange = courses.make_exchange(course)
        kinds = {f"s{number:03}": "right" for number in range(options.students)}
        for student in chance.sample(sorted(kinds), options.students // 3):
            kinds[student] = "wrong"
        for number, student in enumerate(chance.sample(sorted(kinds), options.hostile)):
            kinds[student] = list(HOSTILE)[number % len(HOSTILE)]
        # The nearer the deadline, the more; and now and then several at once.
        times = sorted(chance.random() ** 0.5 for _ in kinds)
        times = [round(at * 40) / 40 if chance.random() < 0.3 else at for at in times]
        arrivals = dict(zip(chance.sample(sorted(kinds), len(kinds)), sorted(times), strict=True))
        with courses.watching(course) as (process, told):
            first = courses.filled_in(exchange, courses.answers())
            courses.submit(exchange, "first", datetime(2026, 3, 2), content=first)
            next(told)  # calibration and the start of workers are not the students' time
            released = simulate(exchange, kinds, arrivals, 60 * options.minutes, told)
            process.terminate()
            process.wait()
        scores = courses.scores(course)
    right = {"right": [10, 10, 10], "wrong": [10, 10, 0]}
    wrong = [s for s, kind in kinds.items() if scores[s] != right.get(kind, [10, 10, 0])]
    show("all", list(released.values()))
    show("without the hostile ones", [t for s, t in released.items() if kinds[s] in right])
    for kind in HOSTILE:
        show(kind, [t for s, t in released.items() if kinds[s] == kind])
    print(f"wrong scores: {len(wrong)} {wrong[:5]}")


def simulate(exchange, kinds, arrivals, seconds, told) -> dict[str, float]:
    """Submit, and return the time from submission to page, by student."""
    contents = {
        kind: courses.filled_in(exchange, courses.answers(he=HOSTILE.get(kind, HE_WRONG)))
        for kind in (*HOSTILE, "wrong")
    } | {"right": courses.filled_in(exchange, courses.answers())}
    submitted: dict[str, float] = {}

    def submit() -> None:
        begin = time.monotonic()
        for student, share in arrivals.items():
            time.sleep(max(0, begin + share * seconds - time.monotonic()))
            now = datetime(2026, 3, 2) + timedelta(seconds=share * seconds)
            submitted[student] = time.monotonic()
            courses.submit(exchange, student, now, content=contents[kinds[student]])

    threading.Thread(target=submit, daemon=True).start()
    released = {}
    for news in told:
        if news["kind"] != "graded":
            print(news)
        elif news["student"] in submitted:
            released[news["student"]] = time.monotonic() - submitted[news["student"]]
        if len(released) == len(arrivals):
            return released
    raise RuntimeError("the watcher has ended")


def show(name: str, seconds: list[float]) -> None:
    """Print a line of times."""
    if seconds:
        seconds.sort()
        high = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
        print(
            f"{name:>25}: {len(seconds):4}, median {statistics.median(seconds):6.2f} s, "
            f"95th percentile {high:6.2f} s, worst {seconds[-1]:6.2f} s"
        )


if __name__ == "__main__":
    main()
