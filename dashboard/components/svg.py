"""Small drawings for table cells, as data URIs: numbers and palette colours only, so no name can inject anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from urllib.parse import quote

from dashboard.theme import Palette

WIDTH, HEIGHT = 150, 30
_SEEN = 0.1  # pixels


def _uri(body: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    image = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">{body}</svg>'
    return "data:image/svg+xml," + quote(image.replace('"', "'"), safe=" =:/'()<>,.-+;")


def _finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def sparkline(
    values: Sequence[float | None],
    palette: Palette,
    *,
    lower: float | None = None,
    upper: float | None = None,
    alarm: bool = False,
    width: int = WIDTH,
) -> str | None:
    """Draw values on the band of natural variation, ``width`` pixels wide; a gap stays a gap, its end is dotted. None when nothing is known."""
    known = _finite(values)
    if not known:
        return None
    low, high = min([*known, *_finite([lower])]), max([*known, *_finite([upper])])
    reach = (high - low) or 1.0
    step = (width - 10) / max(1, len(values) - 1)

    def y(value: float) -> float:
        return 4 + (HEIGHT - 8) * (high - value) / reach

    parts = []
    if lower is not None and upper is not None:
        parts.append(
            f'<rect width="{width}" y="{y(upper):.1f}" height="{max(1.0, y(lower) - y(upper)):.1f}" fill="{palette.band}"/>'
        )
    path, pen, last = "", "M", None
    for position, value in enumerate(values):
        if value is None or not math.isfinite(value):
            pen = "M"
            continue
        last = (5 + position * step, y(value))
        path += f"{pen}{last[0]:.0f} {last[1]:.1f}"
        pen = "L"
    parts.append(f'<path d="{path}" fill="none" stroke="{palette.accent}" stroke-width="1.4"/>')
    if last is not None and last[0] < 5 + (len(values) - 1) * step - 0.5:
        parts.append(
            f'<path d="M{last[0] + 4:.0f} {last[1]:.1f}H{width - 4}" stroke="{palette.muted}" stroke-dasharray="2 3"/>'
        )
    elif last is not None and alarm:
        parts.append(f'<path d="M{last[0]:.0f} {last[1] - 4:.1f}l4 7h-8z" fill="{palette.page}"/>')
    elif last is not None:
        parts.append(f'<circle cx="{last[0]:.0f}" cy="{last[1]:.1f}" r="2.6" fill="{palette.accent}"/>')
    return _uri("".join(parts), width)


def histogram(reference: Sequence[float], current: Sequence[float], palette: Palette) -> str | None:
    """Draw reference as grey bars and current as an outline, on the same bars and one scale."""
    if not reference or not any(current):
        return None
    while len(reference) > 25:  # a cell has no room for more: neighbours are merged
        reference = [sum(reference[i : i + 2]) for i in range(0, len(reference), 2)]
        current = [sum(current[i : i + 2]) for i in range(0, len(current), 2)]
    top = max(*reference, *current) or 1.0
    wide = (WIDTH - 10) / len(reference)
    bars = "".join(
        f"M{5 + i * wide:.1f} {HEIGHT - 2}v-{height:.1f}h{max(wide - 0.6, 0.5):.1f}v{height:.1f}"
        for i, height in enumerate(value / top * (HEIGHT - 6) for value in reference)
        if height >= _SEEN
    )
    line = (
        f"M5 {HEIGHT - 2}"
        + "".join(f"V{HEIGHT - 2 - value / top * (HEIGHT - 6):.1f}h{wide:.1f}" for value in current)
        + f"V{HEIGHT - 2}"
    )
    return _uri(
        f'<path d="{bars}" fill="{palette.reference}" opacity=".6"/>'
        f'<path d="{line}" fill="none" stroke="{palette.accent}" stroke-width="1.4"/>'
    )


def bullet(value: float | None, threshold: float | None, palette: Palette, *, state: str = "within") -> str | None:
    """Draw a value against its threshold (the tick in the middle); an arrow says beyond twice."""
    if value is None or threshold is None or threshold == 0:
        return None
    ratio = abs(value / threshold)
    colour = {"harmful": palette.page, "material": palette.accent}.get(state, palette.reference)
    full, middle = 120, 15
    beyond = f'<path d="M{full + 8} {middle - 5}l8 5l-8 5z" fill="{colour}"/>' if ratio > 2 else ""
    return _uri(
        f'<rect x="5" y="{middle - 5}" width="{full}" height="10" fill="{palette.band}"/>'
        f'<rect x="5" y="{middle - 5}" width="{min(ratio, 2) / 2 * full:.0f}" height="10" fill="{colour}"/>'
        f'<path d="M{5 + full // 2} {middle - 9}v18" stroke="{palette.text}" stroke-width="2"/>{beyond}'
    )
