"""The three gates that must all open before a person is woken."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import text
from service.views import GateView

_CLOSED = {"significant": "not significant", "material": "not material", "harmful": "not harmful"}


def chip(gate: GateView, *, every: bool) -> str:
    """Return a gate as a Markdown badge: red when all three are open, blue when open, green when it held."""
    name = text.clean(gate["name"]).lower()
    if gate["passed"]:
        return f":{'red' if every else 'blue'}-badge[✓ {text.plain(name.capitalize())}]"
    return f":green-badge[✕ {text.plain(_CLOSED.get(name, 'not ' + name))}]"


def columns(gates: Sequence[GateView], origin: str = "") -> None:
    """Draw gates side by side, each with its sentence, and where the threshold comes from beneath."""
    every = all(gate["passed"] for gate in gates)
    for place, gate in zip(st.columns(len(gates)), gates, strict=True):
        place.markdown(f"{chip(gate, every=every)}  \n{text.plain(gate['sentence'], 300)}")
    if origin:
        st.caption(f"Three gates must all open before a person is woken. {text.plain(origin, 400)}")


def rows(gates: Sequence[GateView]) -> None:
    """Draw gates beneath each other."""
    every = all(gate["passed"] for gate in gates)
    for gate in gates:
        st.markdown(f"{chip(gate, every=every)} {text.plain(gate['sentence'], 300)}")
