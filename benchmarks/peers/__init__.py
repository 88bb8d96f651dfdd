"""Other tools, each in an environment of its own, asked for their verdicts in one form.

    python -m benchmarks.peers install [NAME …]      # .venv-peers/NAME, from requirements-NAME.txt; all of them without a name
    python -m benchmarks.peers list                  # what is installed
    python -m benchmarks.peers run NAME OPTION …     # one document of JSON on standard output
    python -m benchmarks.peers expected nannyml      # rewrite the fixture that tests/parity/test_presets.py holds our preset to

Peers: ``evidently``, ``nannyml``, ``alibi-detect``, ``river``, ``frouros``, ``whylogs``; only when named ``alibi-detect-mmd`` (with PyTorch). Each has a script ``run_<name>.py`` that imports
nothing of Driftdeck, only ``_protocol.py`` beside it, and takes

``--reference FILE --current FILE``
    one shot: two Parquet files, the tool's own defaults. NannyML cuts both into ten chunks, as it does by default.
``--days FILE``
    a Parquet file with an integer column ``day``: rows of negative days are the reference, each day from 0 on is a window. With
    a column ``model`` every model is read and done by itself, all in this one process; columns that a model has no value of are left out. Each window is held against the whole reference;
    NannyML chunks by day (its ``chunk_period="D"``); streaming detectors (river, frouros' ADWIN …) are fed row by row, first the
    reference, then day after day, and a day "drifts" when its rows made the detector fire.
``--columns A,B``
    these columns only; all but ``day`` and ``model`` by default.
``--detector NAME``
    river: adwin (default), kswin, page_hinkley. frouros: tests (default: K-S and chi-square), psi, js, kl, hellinger, emd, energy,
    bhattacharyya, mmd; streaming: adwin, kswin, page_hinkley, ddm, eddm, hddm, stepd, cusum. alibi-detect: tabular (default), ks;
    alibi-detect-mmd: mmd. The others have one way.
``--alpha A`` / ``--threshold T``
    instead of the tool's default: level of its tests / limit of its distances (NannyML: the multiple of the standard deviation;
    river: ``alpha`` is ADWIN's delta and KSWIN's alpha, ``threshold`` is Page-Hinkley's).
``--permutations N``
    frouros: of the tests of its distances (1000); with 0 the distance is given bare, and drifts beyond ``--threshold`` if there is one.
``--sweep``
    river: detectors never fire, and each day's ``value`` is the limit up to which it would have (see ``run_river.py``).
``--timestamp COLUMN``, ``--chunk-period D``, ``--chunk-size N``
    NannyML, one shot: how it cuts rows, instead of into ten.

The document::

    {"peer": "evidently", "version": "0.7.23", "detector": "default", "options": {…},
     "verdicts": [{"model": null, "day": null, "chunk": null, "column": "age", "statistic": "wasserstein", "value": 0.12, "threshold": 0.1,
                   "fires": "above", "drift": true, "error": null}, …],
     "datasets": [{"model": null, "day": null, "share": 0.5, "drift": true}, …]}

A column drifts when ``value`` is ``below`` or ``above`` the threshold, as ``fires`` says, so another threshold can be tried on the same
document (NannyML gives ``center`` and ``spread`` too: its threshold is center + 3 spread). Streaming detectors have neither value nor
threshold. ``datasets`` is empty where a tool has no verdict on the whole. A column the tool cannot take has ``drift`` null and an ``error``.

From Python: ``run_peer("evidently", ["--reference", a, "--current", b])`` returns the document with ``cpu_seconds`` (user and
system, of the whole process and its children), ``wall_seconds`` and ``peak_bytes`` (the largest resident set). ``measure(command)`` takes
the same figures of any command, for our own side.
"""

from benchmarks.peers.environments import PEERS, PeerError, install, installed, show
from benchmarks.peers.running import Measured, measure, run_peer

__all__ = ["PEERS", "Measured", "PeerError", "install", "installed", "main", "measure", "run_peer", "show"]


def main() -> None:
    """Say which peers there are, and which are installed."""
    show()
