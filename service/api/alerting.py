"""Silences, rules, channels, runs, the schedule and who owns what is declared."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["alerting"])
