"""What NannyML's drift methods say of seeded rows: the fixture that holds our checks to them.

Runs in its environment: ``.venv-peers/nannyml/bin/python benchmarks/peers/nannyml_methods.py > tests/parity/nannyml_methods.json``.
"""

import json

import nannyml
import numpy as np
import pandas as pd
from nannyml import UnivariateDriftCalculator

SEEDS = (21, 22, 23)
CONTINUOUS = ["jensen_shannon", "kolmogorov_smirnov", "wasserstein", "hellinger"]
CATEGORICAL = ["jensen_shannon", "chi2", "l_infinity", "hellinger"]


def frame(seed: int, rows: int, shift: float) -> pd.DataFrame:
    """Return seeded rows. ``RandomState``: its numbers stay the same over numpy's versions."""
    rng = np.random.RandomState(seed)
    letters = list("abcd")
    shares = np.array([4, 3, 2 + shift, 1]) / (10 + shift)
    kinds = np.append(rng.choice(letters, rows - 4, p=shares), letters)
    return pd.DataFrame({"number": rng.gamma(3, 2, rows) + shift, "kind": kinds})


def main() -> None:
    """Print one JSON document."""
    cases = {}
    for seed in SEEDS:
        reference, current = frame(seed, 2000, 0.0), frame(seed + 100, 900, 0.4)
        calculator = UnivariateDriftCalculator(
            column_names=["number", "kind"],
            continuous_methods=CONTINUOUS,
            categorical_methods=CATEGORICAL,
            chunk_number=1,
        ).fit(reference)
        found = calculator.calculate(current).filter(period="analysis").to_df()
        cases[str(seed)] = {
            column: {method: float(found[(column, method, "value")].iloc[0]) for method in methods}
            for column, methods in (("number", CONTINUOUS), ("kind", CATEGORICAL))
        }
    print(json.dumps({"version": nannyml.__version__, "cases": cases}, indent=1))


if __name__ == "__main__":
    main()
