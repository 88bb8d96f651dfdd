"""Evidently's report is really made, and what strangers put in it does not run."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitors.evidently_report import ReportError, ReportJob, build_report, harmless

EVIL = "</script><script>alert(1)</script>"


def _frame(rows: int, shift: float, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    label = rng.normal(100, 10, rows)
    return pa.table(
        {
            "distance": rng.normal(shift, 1, rows),
            "few": rng.integers(0, 3, rows),
            "carrier": rng.choice(["AA", "UA", EVIL], rows),
            f"<img src=x onerror=alert(2)>{EVIL}": rng.normal(0, 1, rows),
            "same": np.ones(rows),
            "empty": pa.nulls(rows, pa.float64()),
            "infinite": np.where(rng.random(rows) < 0.1, np.inf, rng.normal(0, 1, rows)),
            "flag": rng.random(rows) > 0.5,
            "when": pa.array(np.arange(rows) * 3_600_000_000, pa.timestamp("us")),
            "words": [f"{'lorem ' * (i % 7)}{i}" for i in range(rows)],
            "label": label,
            "prediction": label + rng.normal(0, 5, rows),
        }
    )


def _job(folder: Path, reference: pa.Table, current: pa.Table, **more) -> ReportJob:
    pq.write_table(reference, folder / "reference.parquet")
    pq.write_table(current, folder / "current.parquet")
    return ReportJob(folder / "reference.parquet", folder / "current.parquet", folder / "out" / "report.html", **more)


@pytest.mark.slow
def test_a_full_report_of_hostile_data_is_made_and_harmless(tmp_path: Path) -> None:
    job = _job(
        tmp_path,
        _frame(900, 0.0, 1),
        _frame(700, 1.0, 2).append_column("late", pa.array(range(700))),
        title=f"air_time {EVIL}",
        task="regression",
        label="label",
        prediction="prediction",
        types={"words": "text"},
        max_rows=600,
    )
    assert build_report(job) == job.output
    page = job.output.read_text(encoding="utf-8")
    assert "alert(1)</script>" not in page
    assert "<img src=x" not in page
    for name in ("distance", "carrier", "infinite", "flag", "words", harmless(EVIL)):
        assert name in page
    assert "600 of 900 rows, drawn at random" in page
    assert "&#x27;empty&#x27;" in page  # in the notes: left out
    assert "&#x27;late&#x27;" in page
    assert "Regression" in page
    assert not job.output.with_name("report.html.part").exists()


@pytest.mark.slow
def test_a_report_on_a_classifier_shows_its_quality(tmp_path: Path) -> None:
    def frame(seed: int) -> pa.Table:
        rng = np.random.default_rng(seed)
        label = rng.random(300) < 0.4
        score = np.clip(label * 0.5 + rng.random(300) * 0.5, 0, 1)
        names = np.array(["no", "yes"])
        return pa.table({"label": names[label.astype(int)], "prediction": names[(score > 0.5).astype(int)], "p": score})

    roles = {"label": "label", "prediction": "prediction", "score": "p", "positive": "yes"}
    job = _job(tmp_path, frame(1), frame(2), task="binary", **roles)
    assert "Accuracy" in build_report(job).read_text(encoding="utf-8")


@pytest.mark.slow
def test_no_common_column_is_an_error_in_words_and_leaves_no_file(tmp_path: Path) -> None:
    job = _job(tmp_path, pa.table({"a": [1, 2]}), pa.table({"b": [1, 2]}))
    with pytest.raises(ReportError, match="no column with values on both sides"):
        build_report(job)
    assert not job.output.exists()


@pytest.mark.slow
def test_a_window_without_rows_is_an_error_in_words(tmp_path: Path) -> None:
    job = _job(tmp_path, pa.table({"a": [1, 2]}), pa.table({"a": pa.array([], pa.int64())}))
    with pytest.raises(ReportError, match=r"current\.parquet holds no rows"):
        build_report(job)


def test_a_report_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    job = _job(tmp_path, pa.table({"a": [1, 2]}), pa.table({"a": [1, 2]}))
    with pytest.raises(ReportError, match="took longer than"):
        build_report(job, timeout=0.01)
    assert not job.output.exists()


def test_a_job_survives_its_file() -> None:
    job = ReportJob(Path("r"), Path("c"), Path("o"), task="binary", types={"a": "numeric"})
    assert ReportJob.from_json(job.to_json()) == job
