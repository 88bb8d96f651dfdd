"""A training done once more makes the same artefact, and the record of a version holds what that takes."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from retraining.canonical import canonical
from retraining.provenance import code_sha256
from service.workspace import NotFoundError, WorkspaceError
from tests.support.tiny_workspace import DECLARATION, MODEL, Tiny, rows, tiny


@pytest.fixture(scope="module")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("trained") / "home"
    with tiny(
        home, declaration=DECLARATION.replace("[models.eta.retrain]", '[models.eta.retrain]\npromote = "auto"')
    ) as ws:
        frame = rows(0, 14)
        ws.workspace.log(MODEL, frame.drop(columns="truth"))
        ws.label(frame)
        ws.trained()
    return home


@pytest.fixture
def trained(trained_home: Path, tmp_path: Path) -> Iterator[Tiny]:
    shutil.copytree(trained_home, tmp_path / "home")
    with tiny(tmp_path / "home", declaration="") as ws:
        yield ws


@pytest.mark.slow
def test_the_same_rows_and_request_make_the_same_artefact(trained: Tiny) -> None:
    (first,) = trained.workspace.jobs(MODEL)
    ws = trained.workspace
    more = rows(14, 3)  # what came since is not learned from
    ws.log(MODEL, more.drop(columns="truth"))
    trained.label(more)
    job = trained.finished(ws.retrain_again(first["id"], actor="ada")["id"])
    again, then = ws.versions(MODEL)
    assert (again["version"], again["sha256"], again["rows"]) == ("v2", then["sha256"], then["rows"])
    assert (again["created_by"], again["role"]) == ("ada", "candidate")
    assert job["reason"].startswith(f"job {first['id']} once more")
    (entry,) = [entry for entry in ws.audit() if entry["action"] == "register" and entry["object"] == "eta/v2"]
    assert (entry["detail"]["again"], entry["detail"]["same_as"]) == (first["id"], "v1")


@pytest.mark.slow
def test_the_record_holds_what_it_takes_to_make_it_again(trained: Tiny) -> None:
    lineage = trained.workspace.core.version(MODEL, "v1")["lineage"]
    assert re.fullmatch(r"[0-9a-f]{64}", lineage["data_sha256"])
    assert lineage["code_sha256"] == code_sha256(trained.workspace.core.home.root / "training")
    assert lineage["query"].startswith(
        "every labelled prediction of eta with event time from 2024-01-01T00:00:00+00:00 to before "
    )
    assert lineage["environment"].keys() == {"python", "platform", "machine", "cpu", "cores", "threads"}
    assert lineage["params"]["max_iter"] == 5
    assert lineage["seed"] == 0
    assert lineage["libraries"].keys() >= {"python", "scikit-learn", "numpy"}


@pytest.mark.slow
def test_what_cannot_be_done_again_is_said(trained: Tiny) -> None:
    ws = trained.workspace
    with pytest.raises(NotFoundError, match="no job 'nothing'"):
        ws.retrain_again("nothing")
    (job,) = ws.jobs(MODEL)
    (ws.core.home.jobs / job["id"] / "rows.parquet").unlink()
    with pytest.raises(WorkspaceError, match="are no longer kept"):
        ws.retrain_again(job["id"])


def test_own_code_counts_by_name_and_content(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("A = 1\n")
    before = code_sha256(tmp_path)
    assert before != code_sha256(None)
    (tmp_path / "model.py").rename(tmp_path / "other.py")
    renamed = code_sha256(tmp_path)
    (tmp_path / "other.py").write_text("A = 2\n")
    assert len({before, renamed, code_sha256(tmp_path)}) == 3


def test_equal_estimators_are_equal_files_and_load_as_they_were() -> None:
    import numpy as np
    import skops.io
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    x = np.arange(60.0).reshape(30, 2) % 7

    def dumped() -> bytes:
        parts = ColumnTransformer([("one", OneHotEncoder(sparse_output=True), [0])], remainder="passthrough")
        model = make_pipeline(parts, RandomForestRegressor(3, random_state=1)).fit(x, x[:, 1])
        return bytes(skops.io.dumps(model))

    first, second = dumped(), dumped()
    assert first != second
    assert canonical(first) == canonical(second) == canonical(canonical(first))
    found = skops.io.loads(canonical(first), trusted=skops.io.get_untrusted_types(data=first))
    then = skops.io.loads(first, trusted=skops.io.get_untrusted_types(data=first))
    np.testing.assert_array_equal(found.predict(x), then.predict(x))
