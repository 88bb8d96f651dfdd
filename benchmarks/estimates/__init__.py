"""Performance estimated without labels: ours beside NannyML's, where the truth is known.

    python -m benchmarks.estimates                       # generated shifts and NannyML's own sample data; prints a table
    python -m benchmarks.estimates --seeds 2 --only generated --json estimates.json
    python -m benchmarks.estimates fixture               # rewrite what tests/parity/test_estimates.py holds ours to

NannyML runs in an environment of its own: ``python -m benchmarks.peers install nannyml``.
"""
