"""Over HTTP: from a file of rows to a monitored model."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["setting_up"])
