"""Words of texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

#: Scripts that are written without spaces: each of their characters is taken as a word.
_SOLID = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f"
_WORD = re.compile(f"[{_SOLID}]|[^\\W{_SOLID}]+")
_DIGIT = re.compile(r"\d")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, every digit as 0: numbers and ids differ in every text, and say nothing new by that.

    >>> words("Order 4711: it's late!")
    ['order', '0000', 'it', 's', 'late']
    """
    return _WORD.findall(_DIGIT.sub("0", text.lower()))


def in_texts(texts: Iterable[str]) -> Counter[str]:
    """Return in how many texts each word occurs."""
    held: Counter[str] = Counter()
    for text in texts:
        held.update(set(words(text)))
    return held
