"""Checks of one column against its reference: one file each, found by scanning."""
