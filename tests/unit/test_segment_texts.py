"""Segments of the rows that a training is judged on."""

import numpy as np
import pandas as pd

from retraining.features import segment_texts


def test_pairs_are_joined_and_missing_on_either_side_is_no_value() -> None:
    frame = pd.DataFrame({"carrier": ["UA", None, "AA"], "origin": ["JFK", "EWR", None], "n": [1.0, 2.0, np.nan]})
    found = segment_texts(frame, ["carrier", "carrier × origin", "n", "gone", "gone × origin"])
    assert set(found) == {"carrier", "carrier × origin", "n"}
    assert found["carrier × origin"][0] == "UA × JFK"
    assert [isinstance(value, float) for value in found["carrier × origin"]] == [False, True, True]
    assert list(found["carrier"][[0, 2]]) == ["UA", "AA"]
    assert list(found["n"][:2]) == ["1.0", "2.0"]
