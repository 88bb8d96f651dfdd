"""Write river's streams with a known change point as Parquet. Runs in river's own environment (``benchmarks.peers``)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from river.datasets import synth

DAYS, CHANGE, ROWS = 58, 44, 500  # days in all, the day of the change, rows a day
#: stream -> (task, the stream before and after). SEA, STAGGER and Friedman change their concept alone; the rest move inputs, too.
STREAMS: dict[str, tuple[str, Callable[[int], Any], Callable[[int], Any]]] = {
    "SEA": (
        "binary",
        lambda s: synth.SEA(variant=0, noise=0.1, seed=s),
        lambda s: synth.SEA(variant=2, noise=0.1, seed=s + 500),
    ),
    "STAGGER": (
        "binary",
        lambda s: synth.STAGGER(classification_function=0, seed=s),
        lambda s: synth.STAGGER(classification_function=1, seed=s + 500),
    ),
    "Hyperplane": (
        "binary",
        lambda s: synth.Hyperplane(seed=s, n_features=8, noise_percentage=0.05),
        lambda s: synth.Hyperplane(seed=s + 500, n_features=8, noise_percentage=0.05),
    ),
    "LED": (
        "multiclass",
        lambda s: synth.LEDDrift(seed=s, noise_percentage=0.1, irrelevant_features=True, n_drift_features=0),
        lambda s: synth.LEDDrift(seed=s + 500, noise_percentage=0.1, irrelevant_features=True, n_drift_features=4),
    ),
    "Friedman": (
        "regression",
        lambda s: synth.Friedman(seed=s),
        lambda s: synth.FriedmanDrift(drift_type="gra", position=(0, 1), seed=s + 500, transition_window=1),
    ),
    "RandomRBF": (
        "multiclass",
        lambda s: synth.RandomRBF(seed_model=s, seed_sample=s, n_classes=3, n_features=8),
        lambda s: synth.RandomRBF(seed_model=s + 500, seed_sample=s + 500, n_classes=3, n_features=8),
    ),
}


def main(folder: str, seeds: Sequence[int]) -> None:
    """Write one file a stream and seed: features ``x0`` …, ``label`` and ``day``."""
    for name, (_, before, after) in STREAMS.items():
        for seed in seeds:
            rows = [*before(seed).take(CHANGE * ROWS), *after(seed).take((DAYS - CHANGE) * ROWS)]
            names = {key: f"x{place}" for place, key in enumerate(rows[0][0])}
            frame = pd.DataFrame([{names[key]: float(value) for key, value in x.items()} for x, _ in rows])
            frame["label"] = [y for _, y in rows] if name == "Friedman" else [str(y) for _, y in rows]
            frame["day"] = [number // ROWS for number in range(len(rows))]
            frame.to_parquet(f"{folder}/{name}_{seed}.parquet")


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2:]])
