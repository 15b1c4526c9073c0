"""Time `model`'s training loop against a textbook loop, in one run.

    python benchmarks/training.py [--iterations N]

Both train the layers [2, 10, 5, 1] on the same 300 examples from the same start, with full
batches and plain gradient descent. The textbook loop writes the formulas out and computes the cost
in each iteration; its digits must be the same as ours.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from init_utils import (
    backward_propagation,
    compute_loss,
    forward_propagation,
    load_dataset,
    update_parameters,
)

LAYERS = [2, 10, 5, 1]
LEARNING_RATE = 0.01
ROUNDS = 3  # taken in turns, so that a busy moment of the machine meets all of them


def he_start() -> dict[str, np.ndarray]:
    draw = np.random.RandomState(3).randn
    parameters = {}
    for l in range(1, len(LAYERS)):
        parameters[f"W{l}"] = draw(LAYERS[l], LAYERS[l - 1]) * np.sqrt(2 / LAYERS[l - 1])
        parameters[f"b{l}"] = np.zeros((LAYERS[l], 1))
    return parameters


def train_ours(X: np.ndarray, Y: np.ndarray, iterations: int) -> list[float]:
    """The loop of the notebook's `model`, without printing and drawing."""
    parameters, costs = he_start(), []
    for i in range(iterations):
        a3, cache = forward_propagation(X, parameters)
        if i % 1000 == 0:
            costs.append(compute_loss(a3, Y))
        grads = backward_propagation(X, Y, cache)
        parameters = update_parameters(parameters, grads, LEARNING_RATE)
    return costs


def train_textbook(X: np.ndarray, Y: np.ndarray, iterations: int) -> list[float]:
    """Every formula as textbooks print it, and the cost in each iteration."""
    p, costs = he_start(), []
    m = X.shape[1]
    for _ in range(iterations):
        z1 = np.dot(p["W1"], X) + p["b1"]
        a1 = np.maximum(0, z1)
        z2 = np.dot(p["W2"], a1) + p["b2"]
        a2 = np.maximum(0, z2)
        z3 = np.dot(p["W3"], a2) + p["b3"]
        a3 = 1 / (1 + np.exp(-z3))
        log_likelihood = np.multiply(-np.log(a3), Y) + np.multiply(-np.log(1 - a3), 1 - Y)
        costs.append(1 / m * np.nansum(log_likelihood))
        dz3 = 1 / m * (a3 - Y)
        dz2 = np.multiply(np.dot(p["W3"].T, dz3), np.int64(a2 > 0))
        dz1 = np.multiply(np.dot(p["W2"].T, dz2), np.int64(a1 > 0))
        for l, dz, a in ((1, dz1, X), (2, dz2, a1), (3, dz3, a2)):
            p[f"W{l}"] = p[f"W{l}"] - LEARNING_RATE * np.dot(dz, a.T)
            p[f"b{l}"] = p[f"b{l}"] - LEARNING_RATE * np.sum(dz, axis=1, keepdims=True)
    return costs[::1000]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=15000)
    iterations = parser.parse_args().iterations
    X, Y, _, _ = load_dataset()
    contestants = {
        "ours": train_ours,
        "textbook loop": train_textbook,
    }
    seconds = dict.fromkeys(contestants, float("inf"))
    costs = {}
    for _ in range(ROUNDS):
        for name, train in contestants.items():
            started = time.perf_counter()
            costs[name] = train(X, Y, iterations)
            seconds[name] = min(seconds[name], time.perf_counter() - started)

    print(f"{iterations} iterations, layers {LAYERS}, best of {ROUNDS} rounds in turns")
    for name, best in seconds.items():
        print(f"{name:15s} {best:7.2f} s   {seconds['ours'] / best:5.2f} = ours / this")
    same = costs["ours"] == costs["textbook loop"]
    print("costs of ours and the textbook loop:", "same digits" if same else "DIFFERENT")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
