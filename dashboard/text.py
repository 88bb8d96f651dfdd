"""Words and numbers: what users named is escaped here, and numbers and times are written one way everywhere."""

from __future__ import annotations

import html
import re

from service.words import (
    MISSING,
    UNITS_UNSAID,
    a_window,
    change,
    clean,
    count,
    day,
    decimals,
    duration,
    hours,
    in_window,
    length,
    local,
    metric_name,
    moment,
    number,
    period,
    plural,
    schedule,
    share,
    short,
    window_length,
    window_name,
    window_word,
    zone,
)

__all__ = [
    "MISSING",
    "a_window",
    "change",
    "clean",
    "count",
    "day",
    "decimals",
    "duration",
    "figure",
    "hours",
    "in_window",
    "length",
    "local",
    "measured",
    "metric_name",
    "moment",
    "number",
    "period",
    "plain",
    "plural",
    "schedule",
    "share",
    "short",
    "suffix",
    "window_length",
    "window_name",
    "window_word",
    "zone",
]

_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")
_JOINER = "\u2060"  # without width; parts what Markdown extensions look for after escapes are gone
_SHORTCODE = re.compile(r":(?=[\w+/-]+:)")
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)


def plain(value: object, limit: int = 80) -> str:
    """Return Markdown that shows ``value`` letter by letter: no HTML, link, formula, directive, emoji or address works."""
    words = _SHORTCODE.sub(":" + _JOINER, clean(value, limit))
    words = _ADDRESS.sub(_JOINER, words)
    return _MARKUP.sub(r"\\\1", words)


def figure(value: object, limit: int = 40) -> str:
    """Return text for Plotly, which reads a little HTML and ``%{…}`` templates."""
    return html.escape(clean(value, limit)).replace("%{", "%" + _JOINER + "{").replace("$", "＄")


def suffix(unit: str | None) -> str:
    """Return a unit for Plotly, nothing when there is none."""
    return figure(unit, 16) if unit and unit not in UNITS_UNSAID else ""


def measured(value: float | None, unit: str | None) -> str:
    """Return a value with its unit for Plotly; shares as per cent."""
    return number(value, "share" if unit == "share" else suffix(unit))
