"""Realised performance, read off the outcomes of a window: one file a metric, found by scanning."""
