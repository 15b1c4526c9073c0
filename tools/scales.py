"""Train the networks that the volume knob of section 6 and section 8 show; make lesson/scales.npz.

python -m tools.scales
"""

from pathlib import Path

import numpy as np

from init_utils import load_dataset
from lesson.experiments import FACTORS, NUM_DRAWS, scaled_start
from lesson.network import trained


def main() -> None:
    X, Y, _, _ = load_dataset()
    parameters = trained(scaled_start(FACTORS, NUM_DRAWS), X, Y)
    path = Path(__file__).resolve().parents[1] / "lesson" / "scales.npz"
    np.savez_compressed(path, **parameters)
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
