"""The week as one HTML file, and as Markdown for whoever reads it in a mail or a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from service import html_page, report_page, words
from service.html_page import text
from service.report_page import table

if TYPE_CHECKING:
    from service.reporting_views import SummaryView, WeekModel, WeekRun

_MOST = 40  # lines of what happened, and of what is to come
_MARK = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_[]<>#|~$&"})
_JOINER = "\u2060"  # without width; parts what mail and chat programs make links of
_ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_KINDS = {
    "page": "▲ Page", "warning": "◆ Warning", "notice": "● Notice", "resolved": "✓ Resolved", "deploy": "⬢ Deployed", "retrain": "↻ Trained",
    "rollback": "↩ Rolled back", "source": "◆ Source", "job": "◆ Job",
}  # fmt: skip


def title(summary: SummaryView) -> str:
    """Return what the page is called: Driftdeck, 27 May – 2 Jun 2013."""
    return f"Driftdeck, {words.period(summary['start'], summary['end'], summary['timezone'], year=True)}"


# -- HTML --------------------------------------------------------------------------------------------------------------
def render(summary: SummaryView) -> str:
    """Return the page; whatever users named is escaped."""
    zone = summary["timezone"]
    needs = "".join(f"<li>{text(line)}</li>" for line in summary["needs"])
    parts = [
        f'<p class="lead">{text(summary["sentence"])}</p>',
        f"<h2>Who needs somebody</h2>{f'<ul>{needs}</ul>' if needs else '<p class=muted>Nobody does.</p>'}",
        _models(summary),
        "<h2>What happened</h2>",
        table(
            ("When", "What", "Model", ""),
            (
                (
                    text(words.moment(e["at"], zone)),
                    text(_KINDS.get(e["kind"], e["kind"])),
                    text(e["model"]),
                    text(e["sentence"]),
                )
                for e in summary["events"][:_MOST]
            ),
            label="What happened in the week",
        )
        if summary["events"]
        else '<p class="muted">Nothing: no alert, no deployment, no failure.</p>',
        _more(len(summary["events"])),
        _sources(summary),
        _budget(summary),
        _runs(summary["runs"], zone),
        f'<p class="muted">{text(_as_of(summary))} Times in {text(zone)}. Written by Driftdeck, {text(html_page.moment(summary["written_at"]))}.</p>',
    ]
    return html_page.document(title(summary), "".join(parts), report_page.STYLE)


def _as_of(summary: SummaryView) -> str:
    return (
        f"States, metrics, open alerts, budget and failing sources are as of {words.moment(summary['as_of'], summary['timezone'])}; "
        f"references, what is declared and the week to come as of {words.moment(summary['written_at'], summary['timezone'])}."
    )


def _models(summary: SummaryView) -> str:
    if not summary["models"]:
        return ""
    heads = (
        "State",
        "Model",
        "Owner",
        "Metric",
        "Reference",
        "Alerts came",
        "Resolved",
        "Open",
        "Rows",
        "Labels in",
        "Outstanding",
    )
    rows = (
        (
            _health(each),
            text(each["model"]),
            text(each["owner"] or "—"),
            text(metric(each)),
            text(words.number(each["reference"], each["unit"])),
            *(words.count(each[key]) for key in ("opened", "resolved", "open", "rows")),
            words.share(each["label_coverage"]),
            words.count(each["outstanding"]),
        )
        for each in summary["models"]
    )
    shown = table(heads, rows, numbers=range(3, 11), head=1, label="Models in the week")
    return f"<h2>Models</h2>{shown}"


def _health(model: WeekModel) -> str:
    shown, kind = report_page.HEALTHS[model["health"]]
    return f'<span class="badge b-{kind}">{shown}</span>'


def metric(model: WeekModel) -> str:
    """Return a model's headline metric with its value: MAE 12.6 min."""
    if model["metric"] is None:
        return words.MISSING
    return f"{words.metric_name(model['metric'])} {words.number(model['value'], model['unit'])}"


def _more(count: int) -> str:
    return f'<p class="muted">and {words.count(count - _MOST)} more.</p>' if count > _MOST else ""


def _sources(summary: SummaryView) -> str:
    if not summary["sources"]:
        return ""
    lines = "".join(
        f"<li>{text(each['source'])} of {text(each['model'])}: {text(each['error'] or 'it failed')}</li>"
        for each in summary["sources"]
    )
    return f"<h2>Sources that fail</h2><ul>{lines}</ul>"


def _budget(summary: SummaryView) -> str:
    if not summary["budget"]:
        return ""
    rows = (
        (
            text(each["model"]),
            f"{each['pages']:,}",
            f"{each['pages_per_year']:g}",
            f"{each['warnings']:,}",
            f"{each['warnings_per_year']:g}",
        )
        for each in summary["budget"]
    )
    heads = ("Model", "Pages", "false ones allowed", "Warnings", "false ones allowed")
    shown = table(heads, rows, numbers=(1, 2, 3, 4), label="Alert budget of each model")
    return (
        f"<h2>Alert budget</h2><p class=muted>What came in the year before, true or false, beside how many false ones a year were "
        f"declared acceptable.</p>{shown}"
    )


def _runs(runs: Sequence[WeekRun], zone: str) -> str:
    if not runs:
        return '<h2>The week to come</h2><p class="muted">Nothing is due in these seven days.</p>'
    rows = (
        (text(words.moment(run["at"], zone)), text(run["name"]), text(run["what"]), text(run["often"]))
        for run in runs[:_MOST]
    )
    shown = table(("When first", "Who", "What", "How often"), rows, head=1, label="What happens in the week to come")
    return f"<h2>The week to come</h2>{shown}{_more(len(runs))}"


# -- Markdown ----------------------------------------------------------------------------------------------------------
def markdown(summary: SummaryView) -> str:
    """Return the week as Markdown; what users named is shown letter by letter."""
    zone = summary["timezone"]
    parts = [
        f"# {title(summary)}",
        mark(summary["sentence"]),
        _list("Who needs somebody", (mark(line) for line in summary["needs"]), "Nobody does."),
        _list(
            "Models",
            (
                f"**{mark(each['model'])}** {report_page.HEALTHS[each['health']][0]}: {mark(metric(each))}, {words.plural(each['opened'], 'alert')} came, "
                f"{each['resolved']} resolved, {each['open']} open, {words.plural(each['outstanding'], 'label')} outstanding"
                for each in summary["models"]
            ),
            "None yet.",
        ),
        _list(
            "What happened",
            (
                f"{words.moment(e['at'], zone)} {_KINDS.get(e['kind'], e['kind'])} **{mark(e['model'])}** {mark(e['sentence'])}"
                for e in summary["events"][:_MOST]
            ),
            "Nothing.",
        ),
        _list(
            "Sources that fail",
            (
                f"**{mark(each['source'])}** of {mark(each['model'])}: {mark(each['error'] or 'it failed')}"
                for each in summary["sources"]
            ),
            "None.",
        ),
        _list(
            "Alert budget, the year before",
            (
                f"**{mark(each['model'])}** {words.plural(each['pages'], 'page')} and {words.plural(each['warnings'], 'warning')}, "
                f"true or false; a year may have {each['pages_per_year']:g} and {each['warnings_per_year']:g} that are false"
                for each in summary["budget"]
            ),
            "Nothing is declared.",
        ),
        _list(
            "The week to come",
            (
                f"{words.moment(run['at'], zone)} **{mark(run['name'])}** {run['what']} ({mark(run['often'])})"
                for run in summary["runs"][:_MOST]
            ),
            "Nothing is due in these seven days.",
        ),
        f"{mark(_as_of(summary))} Times in {mark(zone)}.",
    ]
    return "\n\n".join(parts) + "\n"


def mark(value: object) -> str:
    """Return text in which no letter means anything to Markdown."""
    return _ADDRESS.sub(_JOINER, words.clean(value, 400).translate(_MARK))


def _list(head: str, lines: Iterable[str], empty: str) -> str:
    found = [f"- {line}" for line in lines]
    return f"## {head}\n\n" + ("\n".join(found) if found else empty)
