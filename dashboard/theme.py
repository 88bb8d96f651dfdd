"""Colours, and the little CSS for which Streamlit has no option.

Contrast ratios of the palette were measured on both grounds; a colour never stands alone: shape or word goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

STATIC = Path(__file__).parent / "shell" / "static"
SANS = "Plex Sans, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one theme, by role."""

    dark: bool
    background: str
    panel: str
    text: str
    muted: str
    border: str
    line: str
    accent: str
    accent_fill: str
    reference: str
    reference_fill: str
    band: str
    second: str
    model: str  # estimates, and what the model does by itself
    model_fill: str
    page: str
    page_tint: str
    warning: str
    notice: str
    ok: str
    within: str
    significant: str
    material: str
    material_mark: str  # a point beyond a threshold that hurts nobody
    shade: str  # the reference period behind a line
    veil: str  # behind words on a chart, so that lines do not cross them


LIGHT = Palette(
    dark=False,
    background="#FFFFFF",
    panel="#F5F6F8",
    text="#161B26",
    muted="#59616F",
    border="#DDE1E8",
    line="#EBEEF2",
    accent="#0065A8",
    accent_fill="rgba(0,101,168,0.14)",
    reference="#7C8594",
    reference_fill="rgba(124,133,148,0.50)",
    band="#E4E7EC",
    second="#00674D",
    model="#8E4585",
    model_fill="rgba(142,69,133,0.13)",
    page="#B3261E",
    page_tint="rgba(179,38,30,0.07)",
    warning="#8F4A00",
    notice="#6A5300",
    ok="#00674D",
    within="#F1F3F6",
    significant="#C9CFD8",
    material="#5A9CCB",
    material_mark="#0065A8",
    shade="rgba(124,133,148,0.13)",
    veil="rgba(255,255,255,0.8)",
)

DARK = Palette(
    dark=True,
    background="#0E1218",
    panel="#171C25",
    text="#E7EAF0",
    muted="#9AA3B2",
    border="#2B3240",
    line="#212834",
    accent="#5BB3EE",
    accent_fill="rgba(91,179,238,0.18)",
    reference="#8A93A3",
    reference_fill="rgba(138,147,163,0.50)",
    band="#252B36",
    second="#4FC9A0",
    model="#D49AC9",
    model_fill="rgba(212,154,201,0.15)",
    page="#FF7768",
    page_tint="rgba(255,119,104,0.09)",
    warning="#F2A950",
    notice="#E3D06A",
    ok="#4FC9A0",
    within="#1A202A",
    significant="#3A4352",
    material="#3E86B8",
    material_mark="#5BB3EE",
    shade="rgba(138,147,163,0.13)",
    veil="rgba(14,18,24,0.8)",
)


def palette() -> Palette:
    """Return the palette of the visitor's theme."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def style() -> None:
    """Set what has no option: tabular figures, page width, text on dark buttons, size of metric labels, remarks and code that wrap, gate above job, and where the keyboard is."""
    colours = palette()
    dark = '.stApp [data-testid="stBaseButton-primary"]:enabled * {color: #0E1218}'
    dark += f'.stApp button[kind="tertiary"][aria-expanded="true"] {{color: {colours.accent}}}'
    st.html(
        "<style>.stApp {font-variant-numeric: tabular-nums}"
        '.stApp [data-testid="stMainBlockContainer"] '
        "{max-width: 1680px; padding-left: 1.75rem; padding-right: 1.75rem; padding-bottom: 3rem}"
        '.stApp [data-testid="stMetricLabel"] * {font-size: 12px}'
        '.stApp [data-testid="stMetricDelta"] * {white-space: normal; overflow: visible}'
        # the title of a card is as large as its text
        '.stApp [data-testid="stMarkdown"] h2 '
        "{font-size: 1rem; line-height: 1.2; letter-spacing: normal; padding: 0.5rem 0 1rem}"
        '.stApp [data-testid="stMarkdown"] h2 .stMarkdownColoredText {font-weight: 400}'
        "@media (max-width: 1100px) {.st-key-retrain_halves [data-testid='stHorizontalBlock'] {flex-wrap: wrap} "
        ".st-key-retrain_halves [data-testid='stColumn'] {min-width: 100%}}"
        # a line of code that wraps hides nothing, and is not to be scrolled to without a mouse; in a caption it has the caption's contrast
        '.stApp [data-testid="stCode"] :is(pre, code) {white-space: pre-wrap !important; overflow-wrap: anywhere}'
        '.stApp [data-testid="stCaptionContainer"] code {background: none; padding: 0; font-size: 0.93em}'
        # Markdown hangs some pixels below its box: without this a row that does not wrap scrolls by them, and is a stop of the keyboard
        '.stApp [data-testid="stHorizontalBlock"] {overflow: visible}'
        '.stApp a:focus-visible, .stApp [data-testid="stMain"]:focus-visible, '
        '.stApp [data-testid="stDataFrame"]:has(canvas:focus-visible) '
        f"{{outline: 2px solid {colours.accent}; outline-offset: -2px; border-radius: 6px}}"
        f"{dark if colours.dark else ''}</style>"
    )
