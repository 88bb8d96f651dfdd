"""What axe-core finds on a page that stands still; there is no exception, of ours or of Streamlit's."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.serving import Visitor

GRAVE = ("serious", "critical")


def grave(visitor: Visitor) -> list[str]:
    """Return what is serious or critical on the page that is open; what is only seen while a page is drawn anew is not on it."""
    found = findings(visitor.calm())
    return findings(visitor.calm()) if found else []


def findings(page: Page) -> list[str]:
    """Return what is serious or critical on a page as it is now."""
    rules: list[dict[str, Any]] = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]} {node['failureSummary'][:200]}"
        for rule in rules
        if rule["impact"] in GRAVE or rule["id"] == "heading-order"
        for node in rule["nodes"]
    ]
