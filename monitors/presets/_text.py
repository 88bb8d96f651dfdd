"""Evidently's test of text: can a classifier of words tell the current rows from the reference's?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

SEED, WORSE, LEVEL, DRAWS = 42, 0.55, 0.05, 1000


def text_drift(
    reference: pa.ChunkedArray, current: pa.ChunkedArray, *, small: bool
) -> tuple[str, str, float, float, str, bool]:
    """Return (check, method, area under the ROC curve, threshold, unit, drifted).

    Half of the rows of both sides train a linear classifier on TF-IDF weights, the other half judge it. With a ``small`` reference
    the area has to be beyond 95 % of those of a thousand classifiers that guess, else beyond 0.55.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    texts = [*reference.to_pylist(), *current.to_pylist()]
    sides = np.repeat([0, 1], [len(reference), len(current)])
    learn, judge, learn_sides, judge_sides = train_test_split(texts, sides, test_size=0.5, random_state=SEED)
    words = TfidfVectorizer(sublinear_tf=True, max_df=0.5, stop_words="english")
    classifier = SGDClassifier(loss="modified_huber", penalty="l1", alpha=0.0001, max_iter=50, random_state=SEED)
    classifier.fit(words.fit_transform(learn), learn_sides)
    area = float(roc_auc_score(judge_sides, classifier.predict_proba(words.transform(judge))[:, 1]))
    threshold = _guessed(np.asarray(judge_sides)) if small else WORSE
    method = "Percentile text content drift" if small else "Absolute text content drift"
    return "text_classifier", method, area, threshold, "area under ROC curve", area > threshold


def _guessed(sides: np.ndarray) -> float:
    """Return the area that one guessing classifier in twenty exceeds, in Evidently's own draws."""
    seeds = np.random.RandomState(SEED).randint(0, DRAWS * 10, size=DRAWS)
    ones = int(sides.sum())
    areas = np.empty(DRAWS)
    for index, seed in enumerate(seeds):
        ranks = np.random.RandomState(seed).rand(len(sides)).argsort().argsort() + 1
        areas[index] = (ranks[sides == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(sides) - ones))
    return float(np.percentile(areas, 100 * (1 - LEVEL)))
