"""What the champion answers to the rows that a new version is judged on: those that neither has learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retraining import registry
from retraining.features import texts
from retraining.fitted import FittedModel
from retraining.gate import Candidate
from retraining.types import Predictions

if TYPE_CHECKING:
    from retraining.job_files import Incumbent
    from retraining.judged import Trained

#: So many held-out rows that the champion has not learned from are enough to be compared on these alone.
LEAST_UNSEEN = 100
Rows = NDArray[np.intp]
Answers = tuple[Candidate, FittedModel | None]


def champion_answers(
    incumbent: Incumbent, trained: Trained, frame: pd.DataFrame
) -> tuple[Answers | None, Rows, list[str]]:
    """Return the champion's answers for the judged rows, the positions they are for, and notes.

    Rows that it has learned from are left out where :data:`LEAST_UNSEEN` remain, else that is said: they flatter it. A model that
    lives elsewhere is judged by what it answered then.
    """
    everything = np.arange(len(frame), dtype=np.intp)
    if not len(trained.split.held):
        return None, everything, ["without held-out rows the champion is not compared: set retrain.holdout"]
    chosen, notes = _unseen(incumbent, trained, everything)
    if incumbent.card is not None:
        try:
            estimator = registry.load(Path(incumbent.card.path), incumbent.card.sha256)
        except registry.ArtefactError as error:
            notes.append(f"{error}; its logged predictions are compared instead")
        else:
            model = FittedModel(estimator, incumbent.card.features, incumbent.card.task)
            size = Path(incumbent.card.path).stat().st_size
            found = model.predict(frame.iloc[chosen])
            return (Candidate(incumbent.version, found, size=size), model), chosen, notes
    own = (frame["_model_version"] == incumbent.version) & frame["prediction"].notna()
    seen = chosen[own.to_numpy()[chosen]]
    if not len(seen):
        notes.append(f"{incumbent.version} has no logged predictions among the held-out rows and was not compared")
        return None, everything, notes
    if len(seen) < len(chosen):
        notes.append(
            f"{incumbent.version} has answered {len(seen):,} of {len(chosen):,} held-out rows; these are compared"
        )
    return (Candidate(incumbent.version, _logged(frame.iloc[seen], trained)), None), seen, notes


def _unseen(incumbent: Incumbent, trained: Trained, everything: Rows) -> tuple[Rows, list[str]]:
    """Return the held-out rows that the champion has not learned from, or all of them, and a note where that matters."""
    name, until = incumbent.version, incumbent.trained_until
    if until is None:
        if incumbent.card is None:
            return everything, []  # what it answered then, it answered before the labels came
        return everything, [
            f"what {name} has learned from is not known; if the held-out rows are among it, that flatters it"
        ]
    times, since = trained.rows.times[trained.split.held], incumbent.trained_since
    learned = np.asarray(times < pd.Timestamp(until))
    if since is not None:
        learned &= np.asarray(times >= pd.Timestamp(since))
    count = int(learned.sum())
    if not count:
        return everything, []
    if len(everything) - count >= LEAST_UNSEEN:
        words = f"{count:,} of {len(everything):,} held-out rows are left out: {name} has learned from them"
        return np.flatnonzero(~learned), [words]
    much = "all" if count == len(everything) else f"{count:,} of {len(everything):,}"
    return everything, [
        f"{name} has learned from {much} of the held-out rows, which flatters it, and too few others remain to leave them out"
    ]


def _logged(frame: pd.DataFrame, trained: Trained) -> Predictions:
    """What the champion answered then."""
    if trained.everything.task == "regression":
        return Predictions(frame["prediction"].to_numpy(dtype=np.float64))
    predicted = texts(frame["prediction"])
    classes = tuple(sorted(set(trained.rows.label)))
    if trained.positive is None or "score" not in frame.columns or frame["score"].isna().any():
        return Predictions(predicted)
    score = frame["score"].to_numpy(dtype=np.float64)
    scores = np.column_stack([score if name == trained.positive else 1 - score for name in classes])
    return Predictions(predicted, scores, classes)
