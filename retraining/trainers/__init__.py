"""Trainers: one file each, found by scanning; a file defines ``TRAINER``."""
