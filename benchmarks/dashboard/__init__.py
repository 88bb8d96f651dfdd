"""The dashboard under load: a home of 50 models × 200 columns × 90 days, what its pages take, and many visitors at once.

    python -m benchmarks.dashboard --part build --home build/big        # minutes; the other parts use it
    python -m benchmarks.dashboard --part pages --home build/big        # each page's script, in seconds and kB
    python -m benchmarks.dashboard --part sessions --home build/big     # 20 sessions and 5 tabs while rows come in

Without ``--home`` a home of ten models × 50 columns × 30 days is built and thrown away, which is what ``make bench`` does.
"""


def main() -> None:
    """Run all parts on a small home."""
    from benchmarks.dashboard.__main__ import main as run

    run([])
