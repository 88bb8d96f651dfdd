"""Over HTTP: who may do what: users, tokens, roles."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["access"])
