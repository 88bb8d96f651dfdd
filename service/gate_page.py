"""The gate of a version as one HTML page: no script, nothing fetched, readable without colours and in print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from retraining.gate_words import number, signed
from service import gate_drawings

if TYPE_CHECKING:
    from service.training_views import LineageView
    from service.views import GateRow, VersionView

_VERDICTS = {"pass": "✓ Pass", "warn": "◆ Warn", "fail": "▲ Fail", "info": "○ Info"}
_ENDS = {"passed": ("✓ Passed", "pass"), "warned": ("◆ Warned", "warn"), "failed": ("▲ Failed", "fail")}
_GROUPS = {
    "all": "All judged rows",
    "segment": "Inside segments",
    "must": "Declared rules (retrain.must)",
    "simple": "Simple models trained beside",
    "cost": "What serving costs",
}
_LONGEST = 2000
_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--panel:#f5f6f8;--text:#161b26;--muted:#59616f;--line:#dde1e8;--accent:#0065a8;--old:#6f7787;
--fail:#b3261e;--fail-bg:#fce9e7;--warn:#8f4a00;--warn-bg:#fdf0dd;--pass:#00674d;--pass-bg:#ddf3eb;--info:#59616f;--info-bg:#eceef2}
@media(prefers-color-scheme:dark){:root{--bg:#0e1218;--panel:#171c25;--text:#e7eaf0;--muted:#9aa3b2;--line:#2b3240;--accent:#5bb3ee;
--old:#8a93a3;--fail:#ff7768;--fail-bg:#3b1b1a;--warn:#f2a950;--warn-bg:#38280f;--pass:#4fc9a0;--pass-bg:#0f2f27;--info:#9aa3b2;--info-bg:#222833}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 "IBM Plex Sans",system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:2rem 1.25rem 4rem}h1{font-size:1.6rem;margin:0 0 .75rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2.25rem 0 .6rem}p{margin:.4rem 0}.lead{font-size:1.1rem;max-width:52rem;overflow-wrap:anywhere}
.muted,caption,figcaption{color:var(--muted)}.badge{display:inline-block;border-radius:6px;padding:.05rem .55rem;font-weight:600;white-space:nowrap}
.b-pass{color:var(--pass);background:var(--pass-bg)}.b-warn{color:var(--warn);background:var(--warn-bg)}
.b-fail{color:var(--fail);background:var(--fail-bg)}.b-info{color:var(--info);background:var(--info-bg)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}caption{text-align:left;padding:.2rem 0 .5rem}
th,td{padding:.4rem .5rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:middle;font-weight:400}
thead th{color:var(--muted);white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tbody th{overflow-wrap:anywhere;min-width:11rem}td.said{min-width:9rem}tr.group th{font-weight:600;background:var(--panel)}
dl{display:grid;grid-template-columns:minmax(9rem,14rem) 1fr;gap:.3rem 1rem;margin:0}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
code{font:13px/1.5 "IBM Plex Mono",ui-monospace,monospace;overflow-wrap:anywhere}ul{margin:.3rem 0;padding-left:1.2rem}
svg{display:block;max-width:100%;height:auto}td svg{max-width:none}.zero{stroke:var(--muted);stroke-dasharray:2 2}.bar{stroke-width:2;stroke:currentColor}.dot{fill:currentColor}
.v-pass{color:var(--pass)}.v-warn{color:var(--warn)}.v-fail{color:var(--fail)}.v-info{color:var(--info)}
.curve text{font-size:12px;fill:var(--muted)}.grid{stroke:var(--line)}.perfect{stroke:var(--muted);stroke-dasharray:4 4}
.curve polyline{fill:none;stroke:currentColor;stroke-width:2}.curve .bar{stroke-width:1}.new{color:var(--accent)}.old{color:var(--old)}.old .dot{fill:var(--bg);stroke:currentColor;stroke-width:1.5}
figure{margin:0;display:flex;flex-wrap:wrap;gap:1.5rem;align-items:flex-start}figure>div{flex:1;min-width:16rem}details{margin:.4rem 0}summary{cursor:pointer}
@media print{details>*{display:block}main{padding:0}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(version: VersionView, gate: Mapping[str, Any], lineage: LineageView, *, task: str, written: str) -> str:
    """Return the page. ``gate`` is what the version's record holds of it; ``written`` the time of writing.

    Names and values come from strangers' data: all of them are escaped, and what does not print is left out.
    """
    title = f"Gate of {version['model']} {version['version']}"
    end, kind = _ENDS.get(version["gate_verdict"], ("○ Not judged", "info"))
    sections = (
        _table(version["gate"], gate),
        _calibration(gate.get("calibration", {}), share=task != "regression"),
        _origin(version, lineage),
        _importance(version["importance"]),
        _made_of(lineage),
        _notes(lineage["notes"]),
    )
    method = f"<h2>How it was judged</h2><p>{_text(gate['method'])}.</p>" if gate.get("method") else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{_text(title)}</title><style>{_STYLE}</style></head>'
        f'<body><main><h1>{_text(title)}</h1><p><span class="badge b-{kind}">{end}</span></p>'
        f'<p class="lead">{_text(version["gate_sentence"])}</p>{"".join(sections)}{method}'
        f'<p class="muted">Written by Driftdeck, {_text(_moment(written))}.</p></main></body></html>\n'
    )


# -- the lines ---------------------------------------------------------------------------------------------------------
def _table(rows: Sequence[GateRow], gate: Mapping[str, Any]) -> str:
    if not rows:
        return '<h2>Gate</h2><p class="muted">This version was not held against another.</p>'
    against = any(row["champion"] is not None for row in rows)
    grouped = {group: [row for row in rows if _group(row) == group] for group in _GROUPS}
    width = 8 if against else 4
    body = []
    for group, members in grouped.items():
        if members:
            body.append(f'<tr class="group"><th colspan="{width}" scope="rowgroup">{_GROUPS[group]}</th></tr>')
        together = max((_reach(row) for row in members), default=0.0) if group == "segment" else None
        body += [_line(row, together or _reach(row), against=against) for row in members]
    champion, challenger = (
        _text(gate.get(key) or words) for key, words in (("champion", "champion"), ("challenger", "challenger"))
    )
    heads = [
        "Check",
        *([f"{champion} (champion)" if champion != "champion" else "Champion"] if against else []),
        challenger,
    ]
    heads += ["Change", "95 % interval", "Drawn"] if against else []
    cells = "".join(
        f'<th scope="col"{_right(place, len(heads), against=against)}>{head}</th>' for place, head in enumerate(heads)
    )
    words = "A drawn interval that touches the dashed line may be no change at all, left of it is less; segments share one scale, other lines have their own."
    return (
        f'<h2>Gate</h2><div class="wide" role="region" aria-label="Lines of the gate" tabindex="0"><table><caption>{words if against else "There was no champion to compare with."}</caption>'
        f'<thead><tr><th scope="col">Verdict</th>{cells}<th scope="col">Allowed</th></tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def _right(place: int, count: int, *, against: bool) -> str:
    return ' class="n"' if 0 < place < (count - 1 if against else count) else ""


def _group(row: GateRow) -> str:
    name = row["name"]
    if name.startswith("must: "):
        return "must"
    if name.startswith("improvement on "):
        return "simple"
    if row["unit"] == "bytes" or name.startswith("time of a prediction"):
        return "cost"
    return "segment" if ", " in name and " = " in name else "all"


def _reach(row: GateRow) -> float:
    return max((abs(end) for end in (row["change"], row["lower"], row["upper"]) if end is not None), default=0.0)


def _line(row: GateRow, reach: float, *, against: bool) -> str:
    verdict = row["verdict"] if row["verdict"] in _VERDICTS else "info"
    span = "—"
    if row["lower"] is not None and row["upper"] is not None:
        span = f"{_value(row, row['lower'], plus=True, bare=True)} to {_value(row, row['upper'], plus=True)}"
    cells = [
        f'<td><span class="badge b-{verdict}">{_VERDICTS[verdict]}</span></td>',
        f'<th scope="row">{_text(row["name"])}</th>',
    ]
    if against:
        cells.append(f'<td class="n">{_value(row, row["champion"])}</td>')
    cells.append(f'<td class="n">{_value(row, row["challenger"])}</td>')
    if against:
        change = _value(row, row["change"], plus=True)
        drawn = gate_drawings.interval(row | {"verdict": verdict}, reach, f"change {change}, 95 % interval {span}")
        cells += [f'<td class="n">{change}</td>', f'<td class="n">{span}</td>', f"<td>{drawn}</td>"]
    cells.append(f'<td class="said">{_text(row["allowed"])}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _value(row: GateRow, value: float | None, *, plus: bool = False, bare: bool = False) -> str:
    """Return a value with its unit, or ``bare`` without."""
    if value is None:
        return "—"
    scale, unit = {"share": (100, "%"), "bytes": (0.001, "kB")}.get(row["unit"], (1, _text(row["unit"])))
    words = (signed if plus else number)(value * scale)
    return words if bare else f"{words} {unit}".strip()


# -- the rest ----------------------------------------------------------------------------------------------------------
def _calibration(curves: Mapping[str, Sequence[Mapping[str, Any]]], *, share: bool) -> str:
    if not curves:
        return ""
    what = "the share that came true" if share else "the mean of what came true"
    drawn = gate_drawings.calibration(
        curves,
        share=share,
        words=f"Calibration: {what} against what was predicted; the numbers stand in the table beside",
    )
    marks = ("◇", "●") if len(curves) > 1 else ("●",)
    legend = ", ".join(f"{mark} {_text(name)}" for mark, name in zip(marks, curves, strict=False))
    tables = "".join(
        f"<details><summary>Numbers of {_text(name)}</summary>"
        + _plain_table(
            ("predicted", "came true", "95 % interval", "rows"),
            [
                (
                    number(p["predicted"]),
                    number(p["actual"]),
                    f"{number(p['lower'])} to {number(p['upper'])}",
                    f"{p['rows']:,}",
                )
                for p in curve
            ],
        )
        + "</details>"
        for name, curve in curves.items()
    )
    return (
        f"<h2>Calibration</h2><figure>{drawn}<div><figcaption>{legend}. Each mark: a tenth of the judged rows, {what} against what was "
        f"predicted, with its 95 % interval; a model that is right on average lies on the dashed line.</figcaption>{tables}</div></figure>"
    )


def _origin(version: VersionView, lineage: LineageView) -> str:
    def span(edges: Sequence[str] | None) -> str:
        return f"{_moment(edges[0])} to {_moment(edges[1])}" if edges else ""

    return "<h2>Where it comes from</h2>" + _pairs(
        [
            ("rows judged", span(version["holdout"])),
            ("rows learned from", f"{lineage['rows']:,}"),
            ("period", span(lineage["period"])),
            ("why this period", lineage["reason"]),
            ("made", f"{_moment(lineage['created_at'])} by {lineage['created_by']}"),
            ("role now", version["role"]),
            ("alert that asked for it", lineage["alert_id"]),
            ("job", lineage["job_id"]),
            ("reference", lineage["reference_version"]),
            ("query", lineage["query"]),
            ("hash of the rows", lineage["data_sha256"]),
            ("hash of the training code", lineage["code_sha256"]),
            ("artefact", f"{lineage['artefact_format']}, {lineage['artefact_bytes']:,} bytes"),
            ("hash of the artefact", lineage["artefact_sha256"]),
        ]
    )


def _made_of(lineage: LineageView) -> str:
    metric = lineage["baselines"][0]["metric"] if lineage["baselines"] else ""
    simple = [(line["name"], number(line["value"])) for line in lineage["baselines"]]
    return (
        "<h2>How it was made</h2>"
        + _pairs([("trainer", lineage["trainer"]), ("seed", lineage["seed"]), *lineage["params"].items()])
        + (f"<h2>Simple models trained beside: {_text(metric)}</h2>{_pairs(simple)}" if simple else "")
        + f"<details><summary>Libraries</summary>{_pairs([*lineage['environment'].items(), *lineage['libraries'].items()])}</details>"
    )


def _importance(shares: Mapping[str, float]) -> str:
    best = sorted(shares.items(), key=lambda pair: -pair[1])[:15]
    rows = [(name, f"{number(share * 100)} %") for name, share in best]
    return f"<h2>What each feature is worth</h2>{_pairs(rows)}" if rows else ""


def _notes(notes: Sequence[str]) -> str:
    return f"<h2>Notes</h2><ul>{''.join(f'<li>{_text(note)}</li>' for note in notes)}</ul>" if notes else ""


def _pairs(pairs: Iterable[tuple[str, Any]]) -> str:
    shown = [(name, value) for name, value in pairs if value not in (None, "")]
    return f"<dl>{''.join(f'<dt>{_text(name)}</dt><dd>{_text(value)}</dd>' for name, value in shown)}</dl>"


def _plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col" class="n">{head}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td class=n>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _moment(text: str) -> str:
    """Return an ISO 8601 time as people write it, to the minute."""
    moment = datetime.fromisoformat(text)
    return f"{moment.day} {moment:%b %Y %H:%M} (UTC{moment.isoformat()[-6:]})"


def _text(value: object) -> str:
    """Return a value as text that is nothing but text: escaped, without what does not print or turns its direction, not endless."""
    shown = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return escape(shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…")
