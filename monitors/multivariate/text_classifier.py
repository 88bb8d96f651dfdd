"""Whether a classifier can tell current texts from reference texts by their words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitors.multivariate._auc import Scores, cross_validated
from monitors.multivariate._types import Driver, Found, Rows, RowsCheck, Sides, shares_of
from monitors.multivariate._words import in_texts, words

_WORDS = 5000
_TOLD = 5  # texts that must hold a word before it is named; where texts are about people, none is (see judge_rows)


def _learn(texts: Rows, current: NDArray[np.bool_]) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    counter: Any = TfidfVectorizer(tokenizer=words, token_pattern=None, lowercase=False, max_features=_WORDS)
    model: Any = LogisticRegression(C=1.0, class_weight="balanced", max_iter=200)
    model.fit(counter.fit_transform(texts), current)
    return counter, model


def _fit(texts: Rows, current: NDArray[np.bool_]) -> Callable[[Rows], Scores]:
    counter, model = _learn(texts, current)
    return lambda held: np.asarray(model.decision_function(counter.transform(held)), dtype=np.float64)


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the cross-validated AUC; drivers are the words that tell the sides apart, with + for more and − for less of them now."""
    if not in_texts(sides.reference) or not in_texts(sides.current):
        raise ValueError("the texts of one side hold no words")
    found, _ = cross_validated(sides.reference, sides.current, _fit, rng)
    return replace(found, drivers=_drivers(sides)) if explain else found


def _drivers(sides: Sides) -> tuple[Driver, ...]:
    texts = np.concatenate([sides.reference, sides.current])
    current = np.repeat([False, True], [len(sides.reference), len(sides.current)])
    counter, model = _learn(texts, current)
    held = in_texts(texts)
    names = counter.get_feature_names_out()
    usual = np.array([held[name] for name in names], dtype=float)
    weight = model.coef_[0] * np.sqrt(usual)  # a word that is in many texts moves many scores
    told = np.where(usual >= _TOLD, np.abs(weight), 0.0)
    marks = tuple(f"{'+' if w > 0 else '−'}{name}" for name, w in zip(names, weight, strict=True))
    return shares_of(marks, told)


CHECK = RowsCheck(
    name="text_classifier",
    target="text",
    unit="AUC",
    summary="How well a classifier tells current texts from reference texts by their words: 0.5 not at all, 1 always.",
    citation="Lopez-Paz and Oquab (2017), Revisiting Classifier Two-Sample Tests, ICLR",
    compare=compare,
    most=(500, 500),
    least=0.05,
    prior=0.03,
)
