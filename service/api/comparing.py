"""Over HTTP: any two windows, versions or files held against each other."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["comparing"])
