"""Evidently's full report for a window, made in a process of its own.

Evidently takes seconds to import and minutes to run on wide data, so it never runs in the service. What goes in is
sampled, and made harmless first: a category called ``</script>…`` would otherwise run in the page.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reference_data.schema import Task
from storage.names import EVENT_TIME, SUBJECT

if TYPE_CHECKING:
    import pandas as pd

_MAX_CATEGORIES = 50  # beside "other": Evidently's cost grows faster than their number
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "&": "＆", "\u2028": " ", "\u2029": " ", "\0": ""})
_MEMORY = 8 << 30  # bytes of address space
_EMPTY = "(empty)"
_LABELLED = 0.5  # share of rows with a label below which the quality would speak for few


class ReportError(RuntimeError):
    """The report could not be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ReportJob:
    """What to report on: two Parquet files with the logical column names, and where the HTML goes.

    ``types`` names the column types (:data:`reference_data.schema.ColumnType`) where they should not be guessed;
    ``label`` and ``prediction`` are column names. With both, and a task, the quality of the model is part of the report.
    ``score`` is the probability of ``positive`` (binary). ``max_rows`` are drawn from each file if it has more.
    """

    reference: Path
    current: Path
    output: Path
    title: str = "Evidently report"
    task: Task = "none"
    label: str | None = None
    prediction: str | None = None
    score: str | None = None
    positive: str | None = None
    types: dict[str, str] = field(default_factory=dict)
    max_rows: int = 10_000

    def to_json(self) -> str:
        return json.dumps({k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()})

    @classmethod
    def from_json(cls, text: str) -> ReportJob:
        data: dict[str, Any] = json.loads(text)
        return cls(**(data | {name: Path(data[name]) for name in ("reference", "current", "output")}))


def build_report(job: ReportJob, timeout: float = 300.0) -> Path:
    """Make the report in a worker process and return ``job.output``, which appears only when it is complete.

    Raises :class:`ReportError` if it fails or takes longer than ``timeout`` seconds.
    """
    job.output.parent.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory(prefix="driftdeck-report-") as folder:
        description = Path(folder) / "job.json"
        absolute = replace(
            job, reference=job.reference.resolve(), current=job.current.resolve(), output=job.output.resolve()
        )
        description.write_text(absolute.to_json(), encoding="utf-8")
        environment = os.environ | {
            "DO_NOT_TRACK": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")])),
            "MPLCONFIGDIR": folder,
        }
        command = [sys.executable, "-W", "ignore", "-P", "-m", "monitors.evidently_report", str(description)]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter, our own module
                command, env=environment, cwd=folder, timeout=timeout, capture_output=True, check=False
            )
        except subprocess.TimeoutExpired:
            raise ReportError(
                f"Evidently's report took longer than {timeout:g} s; choose a shorter window or fewer columns"
            ) from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = lines[-1] if lines else f"the process ended with {done.returncode}, perhaps for lack of memory"
        raise ReportError(f"Evidently's report failed: {why}; the window's readings are not affected")
    return job.output


@dataclass(slots=True)
class _Frames:
    """Reference and current, made fit for Evidently, with what was done to them."""

    reference: pd.DataFrame
    current: pd.DataFrame
    kinds: dict[str, str]
    names: dict[str, str]  # logical name -> the name in the report
    notes: list[str]


def harmless(text: str) -> str:
    """Return ``text`` without the characters that mean something in HTML or end a script, replaced by look-alikes."""
    return text.translate(_HARMLESS)


def _prepare(job: ReportJob) -> _Frames:
    import pandas as pd

    reference, current = _sample(job.reference, job.max_rows), _sample(job.current, job.max_rows)
    notes = [
        f"{name}: {min(total, job.max_rows):,} of {total:,} rows"
        + (", drawn at random" if total > job.max_rows else "")
        for name, (_, total) in (("reference", reference), ("current", current))
    ]
    frames = _Frames(pd.DataFrame(), pd.DataFrame(), {}, {}, notes)
    left, right = reference[0], current[0]
    one_sided = [
        name
        for name in [*left.column_names, *right.column_names]
        if (name in left.column_names) != (name in right.column_names) and name not in (SUBJECT, EVENT_TIME)
    ]
    if one_sided:
        notes.append(f"left out, being on one side only: {', '.join(map(repr, one_sided))}")
    made: dict[str, tuple[pd.Series[Any], pd.Series[Any]]] = {}
    for name in left.column_names:
        if name not in right.column_names:
            continue
        shown = _unique(harmless(name) or "column", made)
        kind = _kind(job.types.get(name), left[name].type, right[name].type)
        pair = _pair(kind, left[name], right[name])
        if pair is None or pair[0].notna().sum() == 0 or pair[1].notna().sum() == 0:
            notes.append(f"left out, having no values that can be shown on at least one side: {name!r}")
            continue
        made[shown], frames.kinds[shown], frames.names[name] = pair, "datetime" if kind == "datetime" else kind, shown
        if kind == "text":
            frames.kinds[shown] = "numeric"
            notes.append(f"{name!r} is text and stands in the report as its length")
    if not made:
        raise ReportError("there is no column with values on both sides to report on")
    frames.reference = pd.DataFrame({name: pair[0] for name, pair in made.items()})
    frames.current = pd.DataFrame({name: pair[1] for name, pair in made.items()})
    return frames


def _sample(path: Path, most: int) -> tuple[pa.Table, int]:
    table = pq.read_table(path, partitioning=None)
    total = len(table)
    if total == 0:
        raise ReportError(f"{path.name} holds no rows; choose a window with traffic")
    if total > most:
        table = table.take(pa.array(np.sort(np.random.default_rng(0).choice(total, most, replace=False))))
    return table, total


def _unique(name: str, taken: Iterable[str]) -> str:
    held, final, count = set(taken), name, 2
    while final in held:
        final, count = f"{name} ({count})", count + 1
    return final


def _kind(declared: str | None, left: pa.DataType, right: pa.DataType) -> str:
    if declared is not None:
        return "categorical" if declared in {"boolean", "embedding"} else declared
    pair = (left, right)
    if all(pa.types.is_integer(t) or pa.types.is_floating(t) or pa.types.is_decimal(t) for t in pair):
        return "numeric"
    return "datetime" if all(pa.types.is_timestamp(t) or pa.types.is_date(t) for t in pair) else "categorical"


def _pair(kind: str, left: pa.ChunkedArray, right: pa.ChunkedArray) -> tuple[pd.Series[Any], pd.Series[Any]] | None:
    import pandas as pd

    series = tuple(pd.Series(column.to_pylist(), dtype=object) for column in (left, right))
    if kind == "numeric":
        numbers = [pd.to_numeric(s, errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan) for s in series]
        return numbers[0], numbers[1]
    if kind == "datetime":
        moments = [pd.to_datetime(s, errors="coerce", utc=True).dt.tz_localize(None) for s in series]
        return moments[0], moments[1]
    if kind == "text":
        lengths = [s.map(lambda v: np.nan if v is None else float(len(str(v)))).astype(float) for s in series]
        return lengths[0], lengths[1]
    texts = [s.map(lambda v: None if v is None else harmless(str(v)) or _EMPTY) for s in series]
    counts = pd.concat([s.value_counts() for s in texts]).groupby(level=0).sum().sort_values(ascending=False)
    if len(counts) > _MAX_CATEGORIES:
        listed = set(counts.index[:_MAX_CATEGORIES])
        rest = f"other ({len(counts) - _MAX_CATEGORIES:,} values)"
        texts = [s.map(lambda v: v if v is None or v in listed else rest) for s in texts]
    return texts[0].astype(object), texts[1].astype(object)


def _quality(job: ReportJob, frames: _Frames) -> tuple[dict[str, Any], Any | None]:
    """Return how Evidently is told of label and prediction, and the preset for them; nothing if one of them is absent."""
    from evidently import BinaryClassification, MulticlassClassification, Regression
    from evidently.presets import ClassificationPreset, RegressionPreset

    label, prediction = (frames.names.get(name or "") for name in (job.label, job.prediction))
    if label is None or prediction is None or job.task not in {"regression", "binary", "multiclass"}:
        return {}, None
    complete = [frame[[label, prediction]].notna().all(axis=1) for frame in (frames.reference, frames.current)]
    if min(float(mask.mean()) for mask in complete) < _LABELLED:
        frames.notes.append(
            "the model's quality is left out: fewer than half of the rows have both label and prediction"
        )
        return {}, None
    lost = sum(int((~mask).sum()) for mask in complete)
    if lost:
        frames.notes.append(f"{lost:,} rows without label or prediction are left out")
        frames.reference, frames.current = frames.reference[complete[0]], frames.current[complete[1]]
    if job.task == "regression":
        return {"regression": [Regression(target=label, prediction=prediction)]}, RegressionPreset()
    classes = sorted(
        {str(v) for f in (frames.reference, frames.current) for c in (label, prediction) for v in f[c].dropna()}
    )
    if job.task == "binary" and len(classes) == 2:
        positive = harmless(job.positive) if job.positive else classes[-1]
        score = frames.names.get(job.score or "")
        known = score is not None and all(f[score].between(0, 1).all() for f in (frames.reference, frames.current))
        roles = BinaryClassification(
            target=label, prediction_labels=prediction, prediction_probas=score if known else None, pos_label=positive
        )
        return {"classification": [roles]}, ClassificationPreset()
    roles_many = MulticlassClassification(target=label, prediction_labels=prediction)
    return {"classification": [roles_many]}, ClassificationPreset()


def _run(job: ReportJob) -> None:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    frames = _prepare(job)
    roles, preset = _quality(job, frames)

    def report(columns: list[str], presets: list[Any], extra: dict[str, Any]) -> Any:
        definition = DataDefinition(
            numerical_columns=[c for c in columns if frames.kinds[c] == "numeric"],
            categorical_columns=[c for c in columns if frames.kinds[c] == "categorical"],
            datetime_columns=[c for c in columns if frames.kinds[c] == "datetime"],
            **extra,
        )
        sides = [
            Dataset.from_pandas(frame[columns].reset_index(drop=True), definition)
            for frame in (frames.current, frames.reference)
        ]
        return Report(presets).run(*sides)

    columns = list(frames.kinds)
    drifting = [c for c in columns if frames.kinds[c] != "datetime"]
    presets = [DataDriftPreset(columns=drifting)] if drifting else []
    try:
        snapshot = report(columns, [*presets, DataSummaryPreset(), *([preset] if preset else [])], roles)
    except Exception as problem:
        frames.notes.append(f"shortened, because Evidently failed on the whole: {harmless(str(problem))[:200]}")
        sound = [c for c in drifting if _works(report, c)]
        if not sound:
            raise ReportError(f"Evidently fails on every column ({type(problem).__name__}: {problem})") from problem
        frames.notes += [f"left out, because Evidently fails on it: {c!r}" for c in drifting if c not in sound]
        snapshot = report(sound, [DataDriftPreset(columns=sound), DataSummaryPreset(columns=sound)], {})
    _save(snapshot, job, frames.notes)


def _works(report: Any, column: str) -> bool:
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    try:
        report([column], [DataDriftPreset(columns=[column]), DataSummaryPreset(columns=[column])], {})
    except Exception:
        return False
    return True


def _save(snapshot: Any, job: ReportJob, notes: list[str]) -> None:
    draft = job.output.with_name(job.output.name + ".part")
    snapshot.save_html(str(draft))
    page = draft.read_text(encoding="utf-8")
    title = html.escape(harmless(job.title))
    items = "".join(f"<li>{html.escape(harmless(note))}</li>" for note in notes)
    header = f'<header style="font:14px sans-serif;margin:16px"><h1>{title}</h1><ul>{items}</ul></header>'
    before, body, after = page.partition("<body>")
    draft.write_text(before + body + header + after if body else header + page, encoding="utf-8")
    draft.replace(job.output)


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system, and not above a lower limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def main(arguments: list[str]) -> int:
    """Run one job described by a JSON file; on failure the last line on stderr says why."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m monitors.evidently_report JOB.json\n")
        return 2
    _limit_memory()
    try:
        _run(ReportJob.from_json(Path(arguments[0]).read_text(encoding="utf-8")))
    except Exception as problem:
        name = "" if isinstance(problem, ReportError) else f"{type(problem).__name__}: "
        sys.stderr.write(f"\n{name}{' '.join(str(problem).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
