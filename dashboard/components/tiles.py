"""Metric tiles: label, value with unit, one remark."""

from __future__ import annotations

from typing import Literal, TypedDict

import streamlit as st


class Tile(TypedDict, total=False):
    """One tile; ``tone`` colours the remark: bad, good, or neutral. ``remark`` and ``label`` are Markdown."""

    label: str
    value: str
    remark: str
    tone: Literal["bad", "good", "neutral"]
    arrow: Literal["up", "down", "off"]
    help: str


_COLOURS: dict[str, Literal["red", "green", "gray"]] = {"bad": "red", "good": "green", "neutral": "gray"}


def row(tiles: list[Tile], *, key: str) -> None:
    """Draw tiles of equal height that reflow on narrow screens."""
    with st.grid(len(tiles), min_column_width=150, gap="small", key=key):
        for tile in tiles:
            remark = tile.get("remark")
            st.metric(
                tile["label"],
                tile["value"],
                delta=remark,
                delta_color=_COLOURS[tile.get("tone", "neutral")],
                delta_arrow=tile.get("arrow", "off"),
                help=tile.get("help"),
                border=True,
                height="stretch",
            )
