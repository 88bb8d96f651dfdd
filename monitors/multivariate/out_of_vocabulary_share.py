"""Words that the reference does not know."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from monitors.multivariate._types import Driver, Found, RowsCheck, Sides
from monitors.multivariate._words import in_texts, words

_TOLD = 5  # texts that must hold a word before it is named; where texts are about people, none is (see judge_rows)


def compare(sides: Sides, rng: np.random.Generator, explain: bool) -> Found:  # noqa: FBT001
    """Return the share of the current words that no reference text holds; drivers are the most frequent of them.

    Without any change the share is about that of words seen in one text alone (Good 1953); its spread is that of a ratio over texts.
    """
    del rng
    known = in_texts(sides.reference)
    once = {word for word, n in known.items() if n == 1}
    split = [words(text) for text in sides.reference]
    expected, _ = _share(split, [sum(word in once for word in text) for text in split])
    current = [words(text) for text in sides.current]
    value, sd = _share(current, [sum(word not in known for word in text) for text in current])
    if math.isnan(value) or math.isnan(expected):
        raise ValueError("the texts of one side hold no words")
    size = max(sum(map(len, current)), 1)
    floor = math.sqrt(max(expected, 1 / size) / size)  # where no new word came, none of its spread can be seen
    drivers: tuple[Driver, ...] = ()
    if explain:
        new = Counter({word: n for word, n in in_texts(sides.current).items() if word not in known and n >= _TOLD})
        total = sum(sum(word not in known for word in text) for text in current)
        count = Counter(word for text in current for word in text if word in new)
        drivers = tuple(Driver(word, n / total) for word, n in sorted(count.items(), key=lambda i: (-i[1], i[0]))[:5])
    return Found(value, expected, max(sd, floor), drivers=drivers)


def _share(texts: list[list[str]], hits: list[int]) -> tuple[float, float]:
    """Return hits per word over all texts, and the standard deviation of that ratio (texts are drawn, not words)."""
    sizes, found = np.array([len(text) for text in texts], dtype=float), np.array(hits, dtype=float)
    total = float(sizes.sum())
    if total == 0:
        return math.nan, math.nan
    ratio = float(found.sum()) / total
    return ratio, float(np.sqrt(((found - ratio * sizes) ** 2).sum())) / total


CHECK = RowsCheck(
    name="out_of_vocabulary_share",
    target="text",
    unit="share",
    summary="Share of the words that no text of the reference holds.",
    citation="Good (1953), The Population Frequencies of Species and the Estimation of Population Parameters, Biometrika 40",
    compare=compare,
    most=(5000, 1000),
    least=0.01,
    prior=0.01,
    title="Out-of-vocabulary share",
)
