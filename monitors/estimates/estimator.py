"""A reference as an estimator: fitted once on its labelled rows, asked for every window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import special

from monitors.drift_null import ENOUGH, PRIOR_FREEDOM
from monitors.estimates._matrix import Coder
from monitors.estimates._rows import Rows, read_rows
from monitors.estimates.error_model import ErrorModel, fit_errors
from monitors.estimates.expected import Expected, mean_losses, several_classes, two_classes
from monitors.estimates.label_model import FOLDS, LabelModel, fit_labels, log_odds
from monitors.estimates.weights import some_of, weigh
from monitors.multivariate._threads import one_thread
from reference_data.declaration import ModelSpec

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
LEAST_ROWS = 300  # labelled rows of a reference that an estimate can rest on
MOST_ROWS = 20_000  # of a reference that are learned from
PRIOR_GAP = 0.05  # assumed standard deviation of realised - estimated between windows, relative to the metric's scale
_LEAST_WINDOW = 20  # labelled rows of a reference window that tell how far estimates miss


@dataclass(frozen=True, slots=True)
class Gap:
    """How realised values miss the estimate in the reference's own windows, beyond what chance explains."""

    variance: float
    freedom: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric of a window before its labels are there; NaN interval where nothing can be said.

    ``sd``, ``freedom``: of realised - estimated. ``effective``: rows of the reference that look like the window.
    """

    value: float
    sd: float
    freedom: float
    effective: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the two-sided interval of the value to come, by Student's t."""
        reach = float(special.stdtrit(self.freedom, 0.5 + level / 2)) * self.sd
        return self.value - reach, self.value + reach


@dataclass(frozen=True, slots=True, eq=False)
class Estimated:
    """What is to be expected of one window. ``weighted``: whether the reference's rows were weighted for inputs that moved."""

    metrics: Mapping[str, Estimate]
    n: int
    method: str
    weighted: bool
    outside: bool
    effective_share: float
    told_apart: float


@dataclass(frozen=True, slots=True, eq=False)
class Estimator:
    """A fitted reference: see :func:`fit`."""

    spec: ModelSpec
    coder: Coder
    rows: Rows
    labels: LabelModel | None
    errors: ErrorModel | None
    gaps: Mapping[str, Gap]
    windows: int

    @property
    def method(self) -> str:
        """Say how it estimates."""
        if self.labels is None:
            return "DLE"
        return {"as scored": "CBPE", "calibrated": "CBPE, calibrated", "with inputs": "CBPE, calibrated by inputs"}[
            self.labels.way
        ]

    def __call__(
        self, table: pa.Table, times: pa.ChunkedArray | None, n: int | None = None, *, weighted: bool = True
    ) -> Estimated:
        """Estimate the metrics of a window from its rows; ``n``: how many rows it has, where these are a sample.

        ``weighted`` False leaves shift out of account. Raises :class:`ValueError` when no row can be used.
        """
        rows = read_rows(self.spec, self.coder, table, times, self.rows.classes)
        if not len(rows):
            raise ValueError("no row of the window has a prediction (and a score, where the reference has)")
        with one_thread():
            return self._of(rows, n, weighted=weighted)

    def _of(self, rows: Rows, n: int | None, *, weighted: bool) -> Estimated:
        whole = max(n or len(rows), len(rows))
        basis, nominal = _looked_at(self, self.rows)
        weights = None
        if weighted and nominal:
            weights = weigh(basis[some_of(len(basis))], _looked_at(self, rows)[0], nominal)
        shifted = weights if weights is not None and weights.shifted else None
        answers = _answers(self, rows)
        found = _summed(self, rows, answers)
        doubt = {} if self.errors is None else _doubt(self.errors, rows, answers, found)
        held = float(len(self.rows))
        if shifted is not None:
            held *= shifted.effective / len(shifted.values)
        sampled = _sampling(self, rows, answers, found, 1 - len(rows) / whole) if whole > len(rows) else {}
        metrics = {
            name: _estimate(
                e, self.gaps[name], len(rows), whole, held, sampled.get(name, 0.0) + doubt.get(name, 0.0) ** 2
            )
            for name, e in found.items()
        }
        return Estimated(
            metrics=metrics,
            n=whole,
            method=self.method,
            weighted=shifted is not None,
            outside=weights is not None and weights.outside,
            effective_share=held / len(self.rows),
            told_apart=0.5 if weights is None else weights.told_apart,
        )


def _estimate(expected: Expected, gap: Gap, rows: int, whole: int, held: float, beside: float) -> Estimate:
    """Put together what makes a realised value miss: its labels, the reference's, ``beside`` (a variance), and what windows miss by."""
    one = expected.sd**2 * rows  # variance that one label brings
    total = one / whole + one / held + beside + gap.variance
    freedom = gap.freedom * (total / gap.variance) ** 2 if gap.variance > 0 else 1e6  # Welch and Satterthwaite
    return Estimate(expected.value, float(np.sqrt(total)), float(min(freedom, 1e6)), held)


def fit(
    spec: ModelSpec, positive: str | None, table: pa.Table, times: pa.ChunkedArray | None, window: Places
) -> Estimator:
    """Learn a reference from its rows: inputs, ``prediction``, ``score`` or ``scores``, and ``label``, by these names.

    ``positive``: the positive class of a binary task. ``window``: the place of each row's window of the reference, -1 where it has none.
    Raises :class:`ValueError` in words where nothing can be estimated.
    """
    labelled = np.flatnonzero(~table.column("label").is_null().to_numpy())
    if len(labelled) > MOST_ROWS:
        labelled = np.sort(np.random.default_rng(0).choice(labelled, MOST_ROWS, replace=False))
    kept = pa.array(labelled)
    table, times, window = table.take(kept), None if times is None else times.take(kept), window[labelled]
    features = [column for column in spec.columns if column.role == "feature"]  # what the model sees
    coder = Coder.fit(table, features)
    rows = read_rows(spec, coder, table, times, positive=positive, labelled=True)
    window = window[rows.kept]
    if len(rows) < LEAST_ROWS:
        raise ValueError(
            f"the reference keeps {len(rows)} rows with label and prediction, {LEAST_ROWS} are needed to learn from"
        )
    fold = _folds(window, len(rows))
    labels = errors = None
    if spec.task != "regression" and len(np.unique(rows.label)) < 2:
        raise ValueError("the reference holds labels of one class only")
    with one_thread():
        if spec.task == "regression":
            errors = fit_errors(rows.matrix, rows.nominal, rows.losses, fold)
        else:
            labels = fit_labels(rows.scores, rows.matrix, rows.nominal, rows.label, len(rows.classes), fold)
    bare = Estimator(spec, coder, rows, labels, errors, {}, 0)
    gaps, windows = _gaps(bare, window)
    return Estimator(spec, coder, rows, labels, errors, gaps, windows)


def _folds(window: Places, n: int) -> Places:
    """Hold whole windows out, every fifth together; rows without windows at random."""
    places = np.unique(window[window >= 0])
    if len(places) < FOLDS:
        return np.random.default_rng(0).permutation(n) % FOLDS
    return np.where(window >= 0, np.searchsorted(places, window) % FOLDS, np.arange(n) % FOLDS)


def _looked_at(estimator: Estimator, rows: Rows) -> tuple[Numbers, list[bool]]:
    """Return what a shift is looked for in, and which of it are categories: inputs that tell of the loss, and the model's answer.

    An input that neither the losses nor the model turn on may go where it likes: what it does is no reason to doubt an estimate.
    """
    learned = estimator.errors if estimator.errors is not None else estimator.labels
    assert learned is not None
    kept = learned.relied.copy()
    if rows.scores is None:
        kept[-1] = True  # the prediction
    matrix, nominal = rows.matrix[:, kept], [c for c, k in zip(rows.nominal, kept, strict=True) if k]
    if rows.scores is None:
        return matrix, nominal
    odds = log_odds(rows.scores, len(rows.classes))
    return np.column_stack([matrix, odds]), [*nominal, *[False] * odds.shape[1]]


def _doubt(
    errors: ErrorModel, rows: Rows, answers: Mapping[str, Numbers], found: Mapping[str, Expected]
) -> dict[str, float]:
    """Return the standard deviation of each metric that comes of rows past the edges of the reference."""
    doubt = errors.doubt(rows.matrix, answers)
    root = found["rmse"].value
    doubt["rmse"] = doubt["mse"] / (2 * root) if root > 0 else 0.0
    return doubt


def _answers(estimator: Estimator, rows: Rows) -> dict[str, Numbers]:
    """Return what is expected of each row: losses (n,) by name, or the labels' probabilities (n, classes) under ``""``."""
    if estimator.errors is not None:
        return estimator.errors.predict(rows.matrix)
    assert estimator.labels is not None
    return {"": estimator.labels.predict(rows.scores, rows.matrix)}


def _summed(estimator: Estimator, rows: Rows, answers: Mapping[str, Numbers]) -> dict[str, Expected]:
    if estimator.errors is not None:
        return mean_losses(answers, estimator.errors.spread)
    return _of_labels(rows, answers[""])


def _of_labels(rows: Rows, p: Numbers) -> dict[str, Expected]:
    if len(rows.classes) == 2:
        return two_classes(p[:, 1], rows.predicted == 1, None if rows.scores is None else rows.scores[:, 1])
    return several_classes(p, rows.predicted, rows.scores)


def _sampling(
    estimator: Estimator, rows: Rows, answers: Mapping[str, Numbers], found: Mapping[str, Expected], left: float
) -> dict[str, float]:
    """Return the variance that comes of looking at a sample of the window's rows: between tenths of it, times the share ``left`` out."""
    part = np.arange(len(rows)) % 10
    each = [
        _summed(estimator, rows[part == k], {name: held[part == k] for name, held in answers.items()})
        for k in range(10)
    ]
    return {name: float(np.nanvar([one[name].value for one in each], ddof=1)) / 10 * left for name in found}


def _gaps(estimator: Estimator, window: Places) -> tuple[dict[str, Gap], int]:
    """Measure how far realised values are from estimates in windows that were held out."""
    m = len(estimator.rows)
    missed: dict[str, list[float]] = {}
    expected: dict[str, list[float]] = {}
    used = 0
    for place in np.unique(window[window >= 0]):
        inside = window == place
        n = int(inside.sum())
        if n < _LEAST_WINDOW or n == m:
            continue
        used += 1
        realised, estimated = _both(estimator, inside)
        for name, e in estimated.items():
            if np.isfinite(e.value) and np.isfinite(realised[name].value):
                missed.setdefault(name, []).append(realised[name].value - e.value)
                expected.setdefault(name, []).append(e.sd**2 * (1 + n / (m - n)))
    whole = _both(estimator, np.ones(m, dtype=bool))[1]
    gaps = {}
    for name, e in whole.items():
        held = np.asarray(missed.get(name, []))
        if len(held) < ENOUGH:
            scale = (
                max(1 - e.value, 0.1)
                if estimator.errors is None and name not in ("log_loss", "brier")
                else abs(e.value)
            )
            gaps[name] = Gap((PRIOR_GAP * scale) ** 2, PRIOR_FREEDOM)
        else:
            gaps[name] = Gap(max(float((held**2).mean() - np.mean(expected[name])), 0.0), float(len(held)))
    return gaps, used


def _both(estimator: Estimator, inside: NDArray[np.bool_]) -> tuple[dict[str, Expected], dict[str, Expected]]:
    """Return realised and estimated metrics of some rows of the reference, estimated by models that have not seen them."""
    rows = estimator.rows[inside]
    if estimator.errors is not None:
        real = mean_losses(rows.losses, dict.fromkeys(rows.losses, 0.0))
        return real, mean_losses({k: v[inside] for k, v in estimator.errors.held_out.items()}, estimator.errors.spread)
    assert estimator.labels is not None
    truth = np.eye(len(rows.classes))[rows.label]
    return _of_labels(rows, truth), _of_labels(rows, estimator.labels.held_out[inside])
