"""What a comparison says of embeddings in its table."""

import numpy as np
import pandas as pd

from monitors import compare


def test_the_table_says_once_what_several_checks_found() -> None:
    rng = np.random.default_rng(5)
    reference, current = (pd.DataFrame({"vector": list(rng.normal(moved, 1, (300, 6)))}) for moved in (0.0, 0.5))
    found = compare(reference, current)
    reasons = found["vector"].reasons
    assert sum(reason.startswith("vector lies elsewhere than in the reference") for reason in reasons) > 1
    assert str(found).count("lies elsewhere than in the reference") == 1
