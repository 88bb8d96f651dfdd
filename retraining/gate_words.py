"""What the gate found, in a sentence with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retraining.gate import Candidate, GateRow, HeldOut
    from retraining.scores import Metric


def sentence(
    held: HeldOut, challenger: Candidate, champion: Candidate | None, metric: Metric, rows: list[GateRow]
) -> str:
    """Return who beats whom on which rows by how much, and what is beyond what is allowed; ``rows`` begin with the headline."""
    head, unit = rows[0], f" {metric.unit}" if metric.unit not in {"", "share"} else ""
    on = f"{len(held.label):,} rows of {_period(held)}"
    value = number(head["challenger"])
    told = {f"improvement on {each.name}" for each in held.simple}  # said beside, with the simple models' own numbers
    bad = [row for row in rows[1:] if row["verdict"] in {"warn", "fail"} and row["name"] not in told]
    if champion is None or head["change"] is None:
        verb = "does not beat" if any(row["allowed"] == "above 0" for row in bad) else "beats"
        text = f"{challenger.version} {verb} {held.baseline_name} on {on}: {metric.name} {value}{unit}."
    else:
        verb = {"pass": "beats", "fail": "loses to"}.get(head["verdict"], "does not clearly beat")
        interval = (
            f", 95 % interval {signed(head['lower'])} to {signed(head['upper'])}" if head["lower"] is not None else ""
        )
        text = (
            f"{challenger.version} {verb} {champion.version} on the same {on}: {metric.name} {value}{unit} "
            f"against {number(head['champion'])} (change {signed(head['change'])}{interval})."
        )
    if bad:
        text += f" Beyond what is allowed: {'; '.join(_complaint(row) for row in bad)}."
    return text


def _complaint(row: GateRow) -> str:
    old = "" if row["champion"] is None else f" against {number(row['champion'])}"
    unit = f" {row['unit']}" if row["unit"] not in {"", "share"} else ""
    return f"{row['name']} {number(row['challenger'])}{unit}{old}"


def _period(held: HeldOut) -> str:
    first, last = (moment.tz_convert(held.timezone) for moment in (held.times[0], held.times[-1]))
    end = f"{last.day} {last:%b %Y}"
    if first.date() == last.date():
        return end
    return f"{first.day} {first:%b}{'' if first.year == last.year else f' {first.year}'} – {end}"


def number(value: float | None) -> str:
    """Return a number with as many digits as say something."""
    if value is None:
        return "unknown"
    size = abs(value)
    text = f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 1 else f"{value:.3g}"
    return text.replace("-", "−")


def signed(value: float | None) -> str:
    """Return a number with its sign."""
    text = number(value)
    return text if value is None or value <= 0 else f"+{text}"
