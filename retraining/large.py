"""Training on more rows than memory holds: the job reads a sample, the trainer all of them, and both are compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from retraining.fitted import FittedModel
from retraining.intervals import blocks_of, jackknife
from retraining.parts import of_file
from retraining.types import FitResult, Report, Trainer, TrainRequest
from retraining.validation import row_loss

#: Rows of a sample: what is predicted out of fold, judged by, and kept as reference.
SAMPLE_ROWS = 200_000


def fit_file(
    path: Path,
    trainer: Trainer,
    sample: TrainRequest,
    held: TrainRequest | None,
    until: datetime | None,
    report: Report,
) -> FitResult:
    """Fit all rows of a job's Parquet file with event times before ``until`` (None: all of them), without reading it whole.

    ``held`` are rows kept apart: where ``sample`` is not all there is, what the same declaration makes of it alone is compared on them (``details["sample"]``,
    as :func:`compared`, and a note). Raises as the trainer does.
    """
    assert trainer.fit_parts is not None
    found = trainer.fit_parts(of_file(path, sample, sample.training.part_rows, until), sample, report)
    if held is None or not len(held.label) or found.details.get("rows") == len(sample.label):
        return found
    whole = sample.training.model_copy(update={"part_rows": len(sample.label)})
    alone = trainer.fit(replace(sample, training=whole))
    table = compared(found, alone, sample, held)
    return FitResult(
        found.estimator,
        found.features,
        found.params,
        (*found.notes, table["sentence"]),
        found.details | {"sample": table},
    )


def compared(found: FitResult, alone: FitResult, sample: TrainRequest, held: TrainRequest) -> dict[str, Any]:
    """Return whether more rows than the sample's help: mean losses on ``held``, their difference with a 95 % interval, a sentence.

    Keys: ``rows`` (of the sample), ``loss_all``, ``loss_sample``, ``change`` (negative: all rows are better), ``interval`` (or
    None, :func:`retraining.intervals.jackknife`), ``sentence``.
    """
    losses = [
        row_loss(held.label, FittedModel(one.estimator, one.features, held.task).predict(held.frame))
        for one in (found, alone)
    ]
    difference = losses[0] - losses[1]
    blocks, _ = blocks_of(held.times, held.timezone)
    rows = np.arange(len(difference), dtype=np.intp)
    interval = jackknife(lambda chosen: float(difference[chosen].mean()), rows, blocks)
    change = float(difference.mean())
    sure = interval is not None and (interval[1] < 0 or interval[0] > 0)
    verdict = ("all rows help" if change < 0 else "the sample alone is better") if sure else "no difference is certain"
    reach = f" (95 % interval {interval[0]:+.4g} to {interval[1]:+.4g})" if interval else ""
    return {
        "rows": len(sample.label),
        "loss_all": float(losses[0].mean()),
        "loss_sample": float(losses[1].mean()),
        "change": change,
        "interval": list(interval) if interval else None,
        "sentence": f"against a model of {len(sample.label):,} sampled rows the mean loss on the rows kept apart changes by "
        f"{change:+.4g}{reach}: {verdict}",
    }
