"""The service around a model: latency, throughput, errors, processor and memory, beside quality on one time axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import state, text, theme
from dashboard.charts import around
from dashboard.components import chart, errors, export, header, tiles
from dashboard.registry import Page
from service.outcome_views import ServicePoint
from service.views import ModelView

REFRESH = 30.0


@st.fragment(run_every=REFRESH)
def render() -> None:
    """Draw the page."""
    with errors.in_words():
        _draw()


def _draw() -> None:
    model = state.require_model()
    ws = state.workspace()
    chosen = header.opening(model, "service")
    points = [p for p in ws.service_points(model["name"]) if chosen.touches(p["start"], p["end"])]
    if not points:
        st.info(
            "Nothing is known of the service in this time range. Log `latency_ms` with predictions, or let the process report:"
        )
        st.code(f'curl -X POST …/api/v1/models/{model["name"]}/service -d \'{{"rows": [{{"seconds": 60, "requests": 900, "errors": 2, "cpu_seconds": 4.2, "memory_bytes": 4.1e8}}]}}\'', language=None)  # fmt: skip
        return
    judged = [place for place, point in enumerate(points) if point["verdict"] != "no_data"]
    told = points[: judged[-1] + 1] if judged else points  # the latest window may not be over yet
    st.markdown(text.plain(told[-1]["sentence"], 400))
    _tiles(told, model)
    quality = [p for p in ws.performance(model["name"]) if chosen.touches(p["start"], p["end"])]
    metric = model["metric"]
    figure = around.panels(
        points,
        quality,
        theme.palette(),
        timezone=model["timezone"],
        metric=text.metric_name(metric["name"]) if metric else "",
        unit=metric["unit"] if metric else "",
        markers=[m for m in ws.markers(model["name"]) if chosen.holds(m["at"])],
    )
    with st.container(border=True):
        chart.show(
            figure, alt="Quality, latency, throughput, errors, processor and memory by window", key="service_panels"
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("The numbers behind the chart", width="content")
        st.space("stretch")
        export.table(points, name=f"service-{model['name']}", key="service")


def _tiles(points: Sequence[ServicePoint], model: ModelView) -> None:
    last, before = points[-1], points[:-1]
    when = text.in_window(last["start"], last["end"], model["timezone"])
    about = f"{when[0].upper()}{when[1:]}"

    def tile(
        label: str, value: Callable[[ServicePoint], float | None], words: Callable[[float | None], str]
    ) -> tiles.Tile:
        now = value(last)
        known = sorted(number for number in map(value, before) if number is not None)
        usual = f"usually {words(known[len(known) // 2])}" if known else ""
        return {"label": label, "value": words(now), "remark": "not reported" if now is None else usual, "help": about}

    def in_unit(unit: str) -> Callable[[float | None], str]:
        return lambda number: text.number(number, unit)

    slow = around.hourly(points)
    rows = "Rows an hour" if slow else "Rows a second"
    shown = [
        tile("Latency, 95 of 100 within", lambda p: p["latency_p95"], in_unit("ms")),
        tile(rows, lambda p: around.rate(p, an_hour=slow), in_unit("")),
        tile("Errors", lambda p: p["error_share"], text.share),
        tile("Processor", lambda p: p["cpu"], in_unit("cores")),
        tile("Memory", lambda p: None if p["memory"] is None else p["memory"] / 1e6, in_unit("MB")),
    ]
    known = [one for one in shown if one["value"] != text.MISSING]
    tiles.row(known or shown[:2], key="service_tiles")
    silent = [one["label"].lower() for one in shown[2:] if one not in known]
    if silent:
        st.caption(f"Not reported by the serving process: {', '.join(silent)}.")


PAGE = Page(
    name="service",
    title="Service",
    icon=":material/speed:",
    url_path="service",
    order=34,
    visible=False,
    render=render,
)
