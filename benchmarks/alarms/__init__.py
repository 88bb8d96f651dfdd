"""When is a change an alert? False alarms and delays of the product and of others, on data whose truth is known.

    python -m benchmarks.alarms                       # every part at a small size: minutes
    python -m benchmarks.alarms --full --seeds judge  # the protocol: hours
    python -m benchmarks.alarms --part null --part delay --jobs 2 --json alarms.json --markdown alarms.md

Parts: ``null`` (false alerts when nothing drifts), ``delay`` (days to the alert), ``wide`` (the same among 200 columns), ``agree`` (whether
a workspace fed with the rows raises the same alerts), ``real`` (shuffled tables), ``flights`` (a year in its order), ``streams`` (known change
points, made by river), ``matters`` (harmful against harmless changes), ``peers`` (other tools on their defaults and tuned). Streams and
peers need ``python -m benchmarks.peers install``; what is not installed is left out, and said so.
"""


def main() -> None:
    """Run every part at a small size."""
    from benchmarks.alarms.__main__ import run

    raise SystemExit(run([]))
