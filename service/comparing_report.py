"""A comparison as one HTML file: everything a stranger wrote escaped, no script, no request."""

from __future__ import annotations

import html
from collections.abc import Sequence

from service.comparing_views import ComparedColumn, FileComparison

_WIDTH, _HEIGHT = 150, 30
_WORDS = {
    "drift": "■ changed",
    "ok": "□ as before",
    "insufficient": "◔ insufficient",
    "no_data": "○ no data",
    "error": "✕ unreadable",
}
_STYLE = """:root{color-scheme:light dark;--line:#DDE1E8;--muted:#59616F;--bars:#7C8594;--now:#0065A8}
@media (prefers-color-scheme:dark){:root{--line:#2B3240;--muted:#9AA3B2;--bars:#8A93A3;--now:#5BB3EE}}
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1200px;padding:0 1.5rem;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:middle}
th,small,.muted{color:var(--muted);font-weight:400}td.n{text-align:right;white-space:nowrap}.bars{fill:var(--bars);opacity:.6}
.now{fill:none;stroke:var(--now);stroke-width:1.5}"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(found: FileComparison) -> str:
    """Return the whole page."""
    sides = [f"{_text(side['name'])} ({side['rows']:,} rows)" for side in (found["reference"], found["current"])]
    notes = "".join(
        f"<li>{_text(note)}</li>"
        for note in [*_left_out(found), *found["notes"], *(t["sentence"] for t in found["together"])]
    )
    heads = "".join(
        f"<th>{name}</th>" for name in ("", "column", "reference and current", "shift, sd", "p", "missing", "in words")
    )
    rows = "".join(_row(column) for column in found["columns"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Comparison</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{_STYLE}</style></head><body>'
        f"<h1>{_text(found['sentence'])}</h1><p>{sides[0]} against {sides[1]}; error rate {found['alpha']:g}.</p>"
        f'<ul class="muted">{notes}</ul><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></body></html>'
    )


def _left_out(found: FileComparison) -> list[str]:
    return [f"not compared: {each['column']}, {each['why']}" for each in found["left_out"]]


def _row(column: ComparedColumn) -> str:
    bars = column["histogram"]
    drawn = _drawn(bars["reference"], bars["current"]) if bars else ""
    missing = f"{_share(column['missing_reference'])} → {_share(column['missing_current'])}"
    return (
        f"<tr><td>{_WORDS[column['verdict']]}</td><td>{_text(column['column'])} <small>{_text(column['type'])}</small></td><td>{drawn}</td>"
        f'<td class="n">{_number(column["effect"])}</td><td class="n">{_number(column["p_value"])}</td><td class="n">{missing}</td>'
        f"<td><small>{_text(column['sentence'])}</small></td></tr>"
    )


def _drawn(reference: Sequence[float], current: Sequence[float]) -> str:
    top = max([*reference, *current], default=0.0)
    if top <= 0:
        return ""
    wide = _WIDTH / len(reference)
    bars = "".join(
        f"M{i * wide:.1f} {_HEIGHT}v-{share / top * (_HEIGHT - 2):.1f}h{max(wide - 0.6, 0.5):.1f}V{_HEIGHT}z"
        for i, share in enumerate(reference)
        if share > 0
    )
    line = f"M0 {_HEIGHT}" + "".join(f"V{_HEIGHT - share / top * (_HEIGHT - 2):.1f}h{wide:.1f}" for share in current)
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="distribution of both sides">'
        f'<path class="bars" d="{bars}"/><path class="now" d="{line}V{_HEIGHT}"/></svg>'
    )


def _text(value: str) -> str:
    return html.escape("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
