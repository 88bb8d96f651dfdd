"""Over HTTP: reports to keep and to send: of a model or window, and the week in one page."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["reporting"])
