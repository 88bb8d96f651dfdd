"""Studies before a retrain, lineage after it, and models taken in and given out."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["training"])
