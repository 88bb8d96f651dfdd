"""The gate of a version as one HTML page: no script, nothing fetched, readable without colours and in print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retraining.gate_words import number, signed
from service import gate_drawings, html_page

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
    method = f"<h2>How it was judged</h2><p>{html_page.text(gate['method'])}.</p>" if gate.get("method") else ""
    body = (
        f'<p><span class="badge b-{kind}">{end}</span></p><p class="lead">{html_page.text(version["gate_sentence"])}</p>'
        f'{"".join(sections)}{method}<p class="muted">Written by Driftdeck, {html_page.text(html_page.moment(written))}.</p>'
    )
    return html_page.document(title, body)


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
        html_page.text(gate.get(key) or words)
        for key, words in (("champion", "champion"), ("challenger", "challenger"))
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
        f'<th scope="row">{html_page.text(row["name"])}</th>',
    ]
    if against:
        cells.append(f'<td class="n">{_value(row, row["champion"])}</td>')
    cells.append(f'<td class="n">{_value(row, row["challenger"])}</td>')
    if against:
        change = _value(row, row["change"], plus=True)
        drawn = gate_drawings.interval(row | {"verdict": verdict}, reach, f"change {change}, 95 % interval {span}")
        cells += [f'<td class="n">{change}</td>', f'<td class="n">{span}</td>', f"<td>{drawn}</td>"]
    cells.append(f'<td class="said">{html_page.text(row["allowed"])}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _value(row: GateRow, value: float | None, *, plus: bool = False, bare: bool = False) -> str:
    """Return a value with its unit, or ``bare`` without."""
    if value is None:
        return "—"
    scale, unit = {"share": (100, "%"), "bytes": (0.001, "kB")}.get(row["unit"], (1, html_page.text(row["unit"])))
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
    legend = ", ".join(f"{mark} {html_page.text(name)}" for mark, name in zip(marks, curves, strict=False))
    tables = "".join(
        f"<details><summary>Numbers of {html_page.text(name)}</summary>"
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
        return f"{html_page.moment(edges[0])} to {html_page.moment(edges[1])}" if edges else ""

    return "<h2>Where it comes from</h2>" + html_page.pairs(
        [
            ("rows judged", span(version["holdout"])),
            ("rows learned from", f"{lineage['rows']:,}"),
            ("period", span(lineage["period"])),
            ("why this period", lineage["reason"]),
            ("made", f"{html_page.moment(lineage['created_at'])} by {lineage['created_by']}"),
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
        + html_page.pairs([("trainer", lineage["trainer"]), ("seed", lineage["seed"]), *lineage["params"].items()])
        + (
            f"<h2>Simple models trained beside: {html_page.text(metric)}</h2>{html_page.pairs(simple)}"
            if simple
            else ""
        )
        + f"<details><summary>Libraries</summary>{html_page.pairs([*lineage['environment'].items(), *lineage['libraries'].items()])}</details>"
    )


def _importance(shares: Mapping[str, float]) -> str:
    best = sorted(shares.items(), key=lambda pair: -pair[1])[:15]
    rows = [(name, f"{number(share * 100)} %") for name, share in best]
    return f"<h2>What each feature is worth</h2>{html_page.pairs(rows)}" if rows else ""


def _notes(notes: Sequence[str]) -> str:
    return f"<h2>Notes</h2><ul>{''.join(f'<li>{html_page.text(note)}</li>' for note in notes)}</ul>" if notes else ""


def _plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col" class="n">{head}</th>' for head in heads)
    body = "".join(f"<tr>{''.join(f'<td class=n>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
