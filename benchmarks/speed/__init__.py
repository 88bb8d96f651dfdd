"""How long a comparison takes, beside other tools on the same files in the same run: CPU seconds of the whole process, and memory.

    python -m benchmarks.speed                     # 1,000,000 × 50 columns, every peer that is installed: a quarter of an hour
    python -m benchmarks.speed --small             # 50,000 rows: two minutes
    python -m benchmarks.speed --rows 200000 --peers evidently,nannyml --part compare --json speed.json --markdown speed.md

Parts: ``compare`` (two Parquet files, ours and the peers' defaults), ``profile`` (counting rows beside a bare scan by DuckDB), ``stored`` (a
window of a workspace against its stored reference; readings over 90 days of stored profiles), ``sizes`` (ours from 1,000 to 10,000,000
rows), ``start`` (the command on small files). Peers need ``python -m benchmarks.peers install``; Evidently is here without it.
"""


def main() -> None:
    """Run every part at a small size."""
    from benchmarks.speed.__main__ import run

    if code := run(["--small"]):
        raise SystemExit(code)
