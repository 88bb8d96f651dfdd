"""The checks that are read and reported where nobody names others."""

from __future__ import annotations

#: The column checks of which every window gets a reading, unless a monitor names others.
DEFAULT_CHECKS = (
    "jensen_shannon",
    "psi",
    "kolmogorov_smirnov",
    "wasserstein",
    "chi_square",
    "missing_share",
    "unseen_share",
    "out_of_range_share",
)
