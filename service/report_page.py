"""The report of a model or a window as one HTML file: what happened first, then the evidence, then how it was judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from service import html_page, report_drawings, words
from service.html_page import text
from service.report_data import by_version

if TYPE_CHECKING:
    from service.reporting_views import ReportAlert, ReportView
    from service.views import DriftRow

HEALTHS = {
    "page": ("▲ Page", "fail"),
    "warning": ("◆ Warning", "warn"),
    "notice": ("● Notice", "note"),
    "ok": ("✓ OK", "pass"),
    "no_data": ("○ No data", "info"),
    "insufficient": ("◔ Insufficient", "info"),
}
DRIFT = {
    "harmful": ("▲ harmful", "fail"),
    "material": ("■ material", "moved"),
    "significant": ("▤ significant", "info"),
    "within": ("✓ within", "info"),
    "insufficient": ("◔ too few", "info"),
    "no_data": ("○ no data", "info"),
}
_UNNAMED = "without a version"
_LARGE = 6  # columns whose distributions are drawn large
STYLE = (
    report_drawings.STYLE
    + """
:root{--note:#6a5300;--note-bg:#f8f2cf;--moved-bg:#e3f0fa}@media(prefers-color-scheme:dark){:root{--note:#e3d06a;--note-bg:#312c12;--moved-bg:#13293c}}
.b-note{color:var(--note);background:var(--note-bg)}.b-moved{color:var(--accent);background:var(--moved-bg)}
.facts{display:flex;flex-wrap:wrap;gap:.3rem 1.25rem;color:var(--muted);margin:.6rem 0}section{break-inside:auto}h2,h3{break-after:avoid}
h3{font-size:1rem;margin:1.2rem 0 .3rem;overflow-wrap:anywhere}.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem 2rem}
.pair>div{break-inside:avoid}tr{break-inside:avoid}.key span{display:inline-block;margin-right:1.1rem}.swatch{width:.8rem;height:.8rem;border-radius:2px;display:inline-block;vertical-align:-1px;margin-right:.35rem}
.k-ref{background:var(--old);opacity:.5}.k-now{border:2px solid var(--accent)}.k-band{background:var(--band)}.k-significant{background:var(--significant)}.k-material{background:var(--material)}.k-harmful{background:var(--fail)}
a{color:var(--accent)}
"""
)


def render(report: ReportView) -> str:
    """Return the page. Names and values come from strangers' data: all of them are escaped, and what does not print is left out."""
    zone = report["timezone"]
    badge, kind = HEALTHS[report["health"]]
    facts = [
        f"{report['task']} model" if report["task"] != "none" else "inputs only",
        words.plural(len(report["windows"]), "window"),
        f"{words.count(sum(window['rows'] for window in report['windows']))} rows",
        f"times in {zone}",
        *([f"owner {report['owner']}"] if report["owner"] else []),
    ]
    body = (
        f'<p><span class="badge b-{kind}">{badge}</span></p><p class="lead">{text(report["sentence"])}</p>'
        f'<p class="facts">{"".join(f"<span>{text(fact)}</span>" for fact in facts)}</p>'
        f"{_changes(report)}{_performance(report)}{_heat(report)}{_drift(report)}{_distributions(report)}{_alerts(report)}"
        f"{_quality(report)}{_versions(report)}{_judged(report)}"
        f'<p class="muted">Written by Driftdeck, {text(html_page.moment(report["written_at"]))}.</p>'
    )
    return html_page.document(f"{report['model']}, {report['name']}", body, STYLE)


# -- the parts ---------------------------------------------------------------------------------------------------------
def _changes(report: ReportView) -> str:
    return f"<h2>What changed</h2><ul>{''.join(f'<li>{text(line)}</li>' for line in report['changes'])}</ul>"


def _performance(report: ReportView) -> str:
    metric = report["metric"]
    if metric is None:
        return '<h2>Performance</h2><p class="muted">No label has come, so nothing can be said of how good the answers were.</p>'
    name, unit = words.metric_name(metric["name"]), metric["unit"]
    drawn = report_drawings.over_time(
        report["performance"],
        unit=unit,
        timezone=report["timezone"],
        higher_is_worse=metric["direction"] == "higher_is_worse",
        label=f"{name} by window; the numbers stand in the table below",
    )
    drawn_as = report_drawings.looks(by_version(report["performance"]))
    lines = "".join(
        f'<span class="{look.kind}">{"●" if look.round else "◆"} {text(version or _UNNAMED)}{" (shadow, dotted)" if role == "shadow" else ""}</span>'
        for (version, role), look in drawn_as.items()
    )
    key = (
        f'<p class="muted key">{lines}<span><i class="swatch k-band"></i>natural variation</span><span>▲ past the threshold</span>'
        "<span>whiskers: 95 % interval</span></p>"
    )
    numbers = table(
        ("Window", "Version", "Value", "95 % interval", "Usual", "Threshold", "Labels"),
        (
            (
                text(words.window_name(p["start"], p["end"], report["timezone"])),
                text(p["model_version"] or "—") + (" (shadow)" if p["role"] == "shadow" else ""),
                _number(p["value"], unit),
                _span(p.get("ci_lower"), p.get("ci_upper"), unit),
                _span(p["lower"], p["upper"], unit),
                _number(p["threshold"], unit),
                words.count(p["n"]),
            )
            for p in report["performance"]
        ),
        numbers=(2, 3, 4, 5, 6),
        label=f"{name} by window",
    )
    shown = f'<div class="wide">{drawn}</div>{key}' if drawn else ""
    if len(report["performance"]) > 1:
        numbers = f"<details><summary>Numbers of all windows</summary>{numbers}</details>"
    before = ", with the windows before it" if report["scope"] == "window" and len(report["performance"]) > 1 else ""
    return f"<h2>Performance: {text(name)}{before}</h2>{shown}{numbers}{_metrics(report)}"


def _metrics(report: ReportView) -> str:
    if not report["metrics"]:
        return ""
    rows = (
        (
            text(each["label"]),
            _number(each["value"], each["unit"]),
            _span(each["lower"], each["upper"], each["unit"]),
            _number(each["reference"], each["unit"]),
        )
        for each in report["metrics"]
    )
    shown = table(
        ("Metric", "Value", "95 % interval", "Reference"), rows, numbers=(1, 2, 3), label="Every metric of the period"
    )
    return f"<h3>Every metric of the period</h3>{shown}"


def _heat(report: ReportView) -> str:
    drawn, quiet = report_drawings.heat(report["heat"], report["timezone"])
    if not drawn:
        return ""
    more = f" {words.plural(quiet, 'column')} never left their natural variation or are not drawn." if quiet else ""
    return (
        f'<h2>What moved, when</h2><div class="wide">{drawn}</div><p class="muted key"><span><i class="swatch k-significant"></i>significant</span>'
        f'<span><i class="swatch k-material"></i>material, harmless</span><span><i class="swatch k-harmful"></i>▲ harmful</span>{more}</p>'
    )


def _drift(report: ReportView) -> str:
    if not report["drift"]:
        return '<h2>Drift</h2><p class="muted">This window has not been judged: it is still open, or too few rows came.</p>'
    rows = (
        (
            _badge(row["state"]),
            text(row["column"]),
            text(row["kind"]),
            report_drawings.small(row["histogram"], f"{row['column']}: reference and current on the same bars"),
            text(words.metric_name(row["check"])),
            _number(row["value"], row["unit"] if row["kind"] == "concept" else None),
            _number(row["threshold"], row["unit"] if row["kind"] == "concept" else None),
            _number(row["p_value"], None),
        )
        for row in report["drift"]
    )
    heads = ("Verdict", "Column", "Kind", "Distribution", "Statistic", "Value", "Threshold", "p")
    shown = table(heads, rows, numbers=(5, 6, 7), head=1, label="Drift by column")
    key = '<p class="muted key"><span><i class="swatch k-ref"></i>reference</span><span><i class="swatch k-now"></i>current</span></p>'
    window = report["window"]
    return f"<h2>Drift, {text(words.window_name(window['start'], window['end'], report['timezone']))}</h2>{key}{shown}"


def _distributions(report: ReportView) -> str:
    moved = [row for row in report["drift"] if row["state"] in ("harmful", "material", "significant")][:_LARGE]
    if not moved:
        return ""
    drawn = "".join(_distribution(row) for row in moved)
    return f'<h2>The columns that moved most</h2><div class="pair">{drawn}</div>'


def _distribution(row: DriftRow) -> str:
    histogram = row["histogram"]
    picture = report_drawings.large(histogram, f"{row['column']}: share of rows by value, reference and current")
    beside = [
        f"reference {words.count(histogram['n_reference'])} rows, current {words.count(histogram['n_current'])}",
        f"missing {words.share(histogram['missing_reference'])} → {words.share(histogram['missing_current'])}",
        *([f"unseen before {words.share(histogram['unseen_current'])}"] if histogram["unseen_current"] else []),
        *([f"below the reference {words.share(histogram['below_current'])}"] if histogram["below_current"] else []),
        *([f"above the reference {words.share(histogram['above_current'])}"] if histogram["above_current"] else []),
    ]
    unit = f", {text(row['unit'])}" if row["unit"] else ""
    return f'<div><h3>{text(row["column"])}{unit}</h3><p>{text(row["sentence"])}</p>{picture}<p class="muted">{"; ".join(beside)}</p></div>'


def _alerts(report: ReportView) -> str:
    if not report["alerts"]:
        return '<h2>Alerts</h2><p class="muted">None touches this period.</p>'
    return f"<h2>Alerts</h2>{''.join(_alert(alert, report['timezone']) for alert in report['alerts'])}"


def _alert(alert: ReportAlert, zone: str) -> str:
    badge, kind = HEALTHS.get(alert["severity"], ("● Notice", "note"))
    until = f" to {words.moment(alert['until'], zone, year=True)}" if alert["until"] else f", {alert['state']}"
    causes = "".join(f"<li>{text(cause['sentence'])}</li>" for cause in alert["causes"][:3])
    owner = f", with {text(alert['owner'])}" if alert["owner"] else ", with nobody"
    return (
        f'<h3><span class="badge b-{kind}">{badge}</span> {text(alert["headline"])}</h3><p>{text(alert["message"])}</p>'
        f'<p class="muted">{text(words.moment(alert["since"], zone, year=True))}{text(until)}{owner}</p>{f"<ul>{causes}</ul>" if causes else ""}'
    )


def _quality(report: ReportView) -> str:
    rows = [
        (
            text(row["column"]),
            words.share(row["histogram"]["missing_reference"]),
            words.share(row["histogram"]["missing_current"]),
            words.share(row["histogram"]["unseen_current"]),
        )
        for row in report["drift"]
        if row["kind"] in ("feature", "context")
        and (
            row["histogram"]["missing_reference"]
            or row["histogram"]["missing_current"]
            or row["histogram"]["unseen_current"]
        )
    ]
    parts = []
    if rows:
        heads = ("Column", "Missing in the reference", "Missing now", "Unseen before")
        parts.append(table(heads, rows, numbers=(1, 2, 3), head=0, label="Missing and unseen values"))
    parts += [
        f"<p>{words.plural(group['rows'], 'row')} refused: {text(group['error'])}"
        f"{' (' + text(group['origin']) + ')' if group['origin'] else ''}.</p>"
        for group in report["refused"]
    ]
    parts += [f"<p>{text(event['words'])}</p>" for event in report["schema_events"]]
    if not parts:
        parts = [
            '<p class="muted">No value is missing or unseen, no row was refused, and every column came as declared.</p>'
        ]
    return f"<h2>Data quality</h2>{''.join(parts)}"


def _versions(report: ReportView) -> str:
    said = {"serving": "answers most rows from", "champion": "made champion", "rollback": "rolled back"}
    zone = report["timezone"]
    found = [
        (each["version"], f"{said.get(each['what'], each['what'])} {words.moment(each['since'], zone, year=True)}")
        for each in report["versions"]
    ]
    return f"<h2>Versions</h2>{html_page.pairs(found)}" if found else ""


def _judged(report: ReportView) -> str:
    return f"<h2>How it was judged</h2>{''.join(f'<p>{text(line)}</p>' for line in report['judged'])}"


# -- cells -------------------------------------------------------------------------------------------------------------
def _badge(state: str) -> str:
    shown, kind = DRIFT.get(state, (state, "info"))
    return f'<span class="badge b-{kind}">{text(shown)}</span>'


def _number(value: float | None, unit: str | None) -> str:
    return text(words.number(value, unit or ""))


def _span(low: float | None, high: float | None, unit: str | None) -> str:
    return (
        "—"
        if low is None or high is None
        else f"{_number(low, '' if unit != 'share' else unit)} to {_number(high, unit)}"
    )


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    head: int = 0,
    label: str,
) -> str:
    """Return a table of cells that are escaped already; column ``head`` names the row, those of ``numbers`` stand at the right."""

    def cell(place: int, content: str) -> str:
        kind = ' class="n"' if place in numbers else ""
        return f'<th scope="row"{kind}>{content}</th>' if place == head else f"<td{kind}>{content}</td>"

    top = "".join(
        f'<th scope="col"{" class=n" if place in numbers else ""}>{name}</th>' for place, name in enumerate(heads)
    )
    body = "".join(f"<tr>{''.join(cell(place, content) for place, content in enumerate(row))}</tr>" for row in rows)
    return (
        f'<div class="wide" role="region" aria-label="{text(label)}" tabindex="0"><table><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
