"""Pages: found in ``dashboard/pages``, turned into Streamlit's navigation, linked by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

import streamlit as st
from streamlit.navigation.page import Page as StreamlitPage

from dashboard import state

_PAGES = "_pages"


@dataclass(frozen=True, slots=True)
class Page:
    """One page. A file in ``dashboard/pages`` defines one as ``PAGE``; ``order`` sorts the navigation."""

    name: str
    title: str
    icon: str
    url_path: str
    order: int
    visible: bool
    render: Callable[[], None]


@cache
def discover() -> tuple[Page, ...]:
    """Return every page in order; raises ValueError when a name or address is taken twice."""
    package = importlib.import_module("dashboard.pages")
    modules = [importlib.import_module(f"dashboard.pages.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    pages: list[Page] = [module.PAGE for module in modules]
    for field in ("name", "url_path"):
        values = [getattr(page, field) for page in pages]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ValueError(f"dashboard/pages: {field} {', '.join(twice)} is used by two pages; give one another")
    return tuple(sorted(pages, key=lambda page: page.order))


def navigation(default: str) -> StreamlitPage:
    """Draw the bar at the top and return the page that the address asks for."""
    pages = {
        page.name: st.Page(
            page.render,
            title=page.title,
            icon=page.icon,
            url_path=page.url_path,
            default=page.name == default,
            visibility="visible" if page.visible else "hidden",
        )
        for page in discover()
    }
    st.session_state[_PAGES] = pages
    return st.navigation(list(pages.values()), position="top")


def _streamlit_page(name: str) -> StreamlitPage:
    pages: dict[str, StreamlitPage] = st.session_state[_PAGES]
    if name not in pages:
        raise KeyError(f"no page {name!r}; there are {', '.join(sorted(pages))}")
    return pages[name]


def exists(name: str) -> bool:
    """Say whether a page of that name was found."""
    return name in st.session_state[_PAGES]


def link(label: str, page: str, *, icon: str | None = "", help: str | None = None, **params: str | None) -> None:  # noqa: A002
    """Draw a link to a page in this tab; ``label`` is Markdown, so escape what users named."""
    words = label if icon else f":blue[{label}]"  # without an icon only its colour says that it is a link
    st.page_link(_streamlit_page(page), label=words, icon=icon, help=help, query_params=state.carried(**params))


def go(page: str, **params: str | None) -> NoReturn:
    """Leave for a page at once."""
    st.switch_page(_streamlit_page(page), query_params=state.carried(**params))
