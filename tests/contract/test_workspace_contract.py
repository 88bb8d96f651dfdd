"""One contract, two workspaces: the one that opens the folder, and the one that speaks HTTP to its owner."""

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from monitors.estimates import error_model
from service.api.app import api_routes
from service.local import LocalWorkspace, care
from service.remote import RemoteWorkspace
from service.security import Guard, policy
from service.settings import Settings
from service.workspace import ConflictError, NotFoundError, Workspace, WorkspaceError
from storage.errors import KeyReusedError, StorageError
from storage.files import Reading
from tests.support.homes import empty

NOW = datetime(2024, 3, 1, tzinfo=UTC)
START = datetime(2024, 1, 1, tzinfo=UTC)
DECLARATION = """
[models.eta]
task = "regression"
timezone = "Europe/Berlin"
prediction = "guess"
label = "truth"
segments = ["city name"]

[models.eta.features]
distance = "numeric"
"city name" = "categorical"

[models.eta.monitor]
window = "1w"

[channels.team]
url = "json://127.0.0.1/x"
"""


class Owner:
    """A real workspace behind a real server, on a free port of this machine."""

    def __init__(self, home: Path) -> None:
        self.workspace = LocalWorkspace.open(empty(home), now=lambda: NOW)
        settings = Settings(token="sesame")
        routes = api_routes(self.workspace, settings)
        app = Starlette(routes=routes, middleware=[Middleware(Guard, policy=policy(settings, "local"))])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()
        self.workspace.close()


@contextmanager
def opened(kind: str, home: Path) -> Iterator[Workspace]:
    if kind == "local":
        with LocalWorkspace.open(empty(home), now=lambda: NOW) as local:
            yield local
        return
    owner = Owner(home)
    try:
        with RemoteWorkspace(owner.url, secret="local") as remote:
            yield remote
    finally:
        owner.stop()


@pytest.fixture(params=["local", "remote"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with opened(request.param, tmp_path / "home") as workspace:
        yield workspace


@pytest.fixture
def declared(workspace: Workspace) -> Workspace:
    workspace.apply(DECLARATION)
    return workspace


@pytest.fixture(scope="module", params=["local", "remote"])
def untouched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """One for all calls that are refused."""
    with opened(request.param, tmp_path_factory.mktemp("untouched") / "home") as workspace:
        workspace.apply(DECLARATION)
        yield workspace


def frame(days: int = 56, shift: float = 0.0, start: datetime = START, prefix: str = "p") -> pd.DataFrame:
    """Forty rows a day, with their labels."""
    rng = np.random.default_rng(7)
    n = days * 40
    distance = rng.normal(10 + shift, 2, n)
    return pd.DataFrame(
        {
            "prediction_id": [f"{prefix}{i}" for i in range(n)],
            "event_time": [start + timedelta(minutes=36 * i) for i in range(n)],
            "model_version": "v0",
            "distance": distance,
            "city name": rng.choice(["Berlin", 'O\'Hare "x"', "Łódź"], n),
            "guess": distance * 2,
            "truth": distance * 2 + rng.normal(0, 1, n),
        }
    )


def row(number: int, **changes: Any) -> dict[str, Any]:
    features = {"distance": 1.5, "city name": "Berlin"}
    base = {"prediction_id": f"r{number}", "event_time": "2024-02-01T12:00", "features": features, "prediction": 3.0}
    return base | changes


def test_a_declaration_is_applied_once_and_written_out_again(workspace: Workspace) -> None:
    assert workspace.apply(DECLARATION)["created"] == ["models.eta", "channels.team"]
    assert workspace.apply(DECLARATION)["unchanged"] == ["models.eta", "channels.team"]
    again = workspace.export()
    assert workspace.apply(again)["changed"] == []
    assert '"city name" = "categorical"' in again


def test_a_bad_declaration_is_refused_with_its_line(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError) as caught:
        workspace.apply('[models.eta]\ntask = "regresion"\n')
    assert str(caught.value).startswith("line 2: models.eta.task: 'regresion' is not allowed")
    assert workspace.models() == []


@pytest.mark.parametrize(
    "call",
    [
        lambda ws: ws.model("eat"),
        lambda ws: ws.windows("eat"),
        lambda ws: ws.readings("eat"),
        lambda ws: ws.multivariate("eat"),
        lambda ws: ws.replay("eat"),
        lambda ws: ws.versions("eat"),
        lambda ws: ws.retrain("eat"),
        lambda ws: ws.log("eat", [row(1)]),
        lambda ws: ws.label("eat", [{"prediction_id": "r1", "label": 1.0}]),
        lambda ws: ws.predict("eat", [{"distance": 1.0}]),
        lambda ws: ws.run("eat"),
        lambda ws: ws.reference("eat", [{"distance": 1.0}]),
        lambda ws: ws.references("eat"),
        lambda ws: ws.reference_diff("eat", 1, 2),
        lambda ws: ws.performance("eat"),
        lambda ws: ws.performance_detail("eat", START, NOW),
        lambda ws: ws.estimates("eat"),
        lambda ws: ws.concept("eat"),
        lambda ws: ws.detectors("eat"),
        lambda ws: ws.heatmap("eat"),
        lambda ws: ws.alerts("eat"),
        lambda ws: ws.jobs("eat"),
        lambda ws: ws.deploy("eat", "v1"),
        lambda ws: ws.rollback("eat"),
        lambda ws: ws.lineage("eat", "v1"),
        lambda ws: ws.export_version("eat", "v1", "artefact"),
        lambda ws: ws.prune_versions("eat", keep=1),
        lambda ws: ws.metric_names("eat"),
        lambda ws: ws.drift_table("eat"),
        lambda ws: ws.feature("eat", "distance"),
        lambda ws: ws.columns("eat"),
        lambda ws: ws.relation("eat", "distance"),
        lambda ws: ws.column_rows("eat", "distance", START, NOW),
        lambda ws: ws.segment_errors("eat", START, NOW),
        lambda ws: ws.change_parts("eat", START, NOW),
        lambda ws: ws.slices("eat", START, NOW),
        lambda ws: ws.examples("eat", START, NOW),
        lambda ws: ws.segment_names("eat"),
        lambda ws: ws.segment_drift("eat"),
        lambda ws: ws.readings("eat", segment="city=x"),
        lambda ws: ws.rows("eat", START, NOW),
        lambda ws: ws.markers("eat"),
        lambda ws: ws.evidently_report("eat", START),
        lambda ws: ws.storage("eat"),
        lambda ws: ws.erase("eat", "c1"),
        lambda ws: ws.erasures("eat"),
        lambda ws: ws.labels("eat"),
        lambda ws: ws.label_history("eat", "r1"),
        lambda ws: ws.feedback("eat"),
        lambda ws: ws.reading_history("eat", "mae", START),
    ],
)  # fmt: skip
def test_a_model_that_is_not_there_is_named_with_those_that_are(
    untouched: Workspace, call: Callable[[Workspace], object]
) -> None:
    with pytest.raises(NotFoundError) as caught:
        call(untouched)
    assert str(caught.value) == "there is no model 'eat'; this workspace has: eta"


def test_rows_are_kept_once_and_bad_ones_named(declared: Workspace) -> None:
    rows = [row(0), row(1, features={"distance": "far", "city name": "Berlin"}), row(2)]
    first = declared.log("eta", rows)
    assert (first["accepted"], first["duplicates"]) == (2, 0)
    assert [(item["row"], item["field"]) for item in first["rejected"]] == [(1, "distance")]
    second = declared.log("eta", [row(0), row(3)])
    assert (second["accepted"], second["duplicates"]) == (1, 1)
    assert declared.model("eta")["rows"]["logs"] == 3


def test_what_was_refused_and_what_came_undeclared_can_be_read(declared: Workspace) -> None:
    good = {"event_time": "2024-01-05T00:00:00Z", "distance": 1, "city name": "Ulm", "guess": 1}
    declared.log("eta", [good | {"colour": "red"}] * 3 + [good | {"distance": "far"}, good | {"event_time": None}])
    assert [(row["row"], row["field"]) for row in declared.quarantine("eta")] == [(4, "event_time"), (3, "distance")]
    (latest,) = declared.quarantine("eta", limit=1)
    assert (latest["kind"], latest["model"], latest["error"]) == ("log", "eta", "the event time is missing")
    assert [row["field"] for row in declared.quarantine("eta", limit=5, offset=1)] == ["distance"]
    assert {(group["field"], group["rows"]) for group in declared.quarantine_groups("eta")} == {
        ("event_time", 1),
        ("distance", 1),
    }
    events = {event["event"]: event for event in declared.schema_events("eta")}
    assert (events["appeared"]["column"], events["appeared"]["type"]) == ("colour", "categorical")
    assert (events["widened"]["column"], events["widened"]["rows"]) == ("distance", 1)
    for call in (declared.quarantine, declared.quarantine_groups, declared.schema_events):
        with pytest.raises(NotFoundError):
            call("none")


def test_rows_come_as_frame_table_or_file(declared: Workspace, tmp_path: Path) -> None:
    data = frame(days=3)
    parts = data.iloc[:40], pa.Table.from_pandas(data.iloc[40:80]), tmp_path / "rest.csv"
    data.iloc[80:].to_csv(parts[2], index=False)
    assert [declared.log("eta", part)["accepted"] for part in parts] == [40, 40, 40]
    assert declared.label("eta", data[["prediction_id", "truth"]])["accepted"] == 120
    assert declared.model("eta")["rows"] == {"logs": 120, "labels": 120, "quarantined": 0}


def test_an_append_that_is_sent_again_under_its_key_is_kept_once(declared: Workspace, tmp_path: Path) -> None:
    labels = frame(days=1)[["prediction_id", "truth"]]
    first = declared.label("eta", labels, key="monday")
    again = declared.label("eta", labels, key="monday")
    assert first["accepted"] == 40
    assert again["accepted"] + again["duplicates"] == 40
    assert declared.model("eta")["rows"]["labels"] == 40


def _as_file(data: pd.DataFrame, folder: Path) -> Path:
    path = folder / f"{data['prediction_id'].iloc[0]}.csv"
    data.to_csv(path, index=False)
    return path


def _as_parquet(data: pd.DataFrame, folder: Path) -> Path:
    path = folder / f"{data['prediction_id'].iloc[0]}.parquet"
    data.to_parquet(path)
    return path


def _as_rows(data: pd.DataFrame, _: Path) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in record.items()} for record in data.to_dict("records")]


def _as_frame(data: pd.DataFrame, _: Path) -> pd.DataFrame:
    return data


@pytest.mark.parametrize("form", [_as_file, _as_parquet, _as_rows, _as_frame])
def test_a_key_that_comes_again_with_other_rows_is_an_error(
    declared: Workspace, tmp_path: Path, form: Callable[[pd.DataFrame, Path], object]
) -> None:
    data = frame(days=2)
    assert declared.log("eta", form(data[:40], tmp_path), key="nightly")["accepted"] == 40
    with pytest.raises(KeyReusedError, match=r"the key 'nightly[^']*' came with other rows before, .*not stored"):
        declared.log("eta", form(data[40:], tmp_path), key="nightly")
    again = declared.log("eta", form(data[:40], tmp_path), key="nightly")
    assert again["accepted"] + again["duplicates"] == 40
    assert declared.log("eta", form(data[40:], tmp_path), key="another")["accepted"] == 40
    assert declared.model("eta")["rows"]["logs"] == 80


def test_a_key_of_labels_is_bound_to_them_too(declared: Workspace) -> None:
    labels = frame(days=2)[["prediction_id", "truth"]]
    declared.label("eta", labels[:40], key="monday")
    with pytest.raises(KeyReusedError, match="came with other rows before"):
        declared.label("eta", labels[40:], key="monday")
    assert declared.model("eta")["rows"]["labels"] == 40


def test_a_file_that_has_grown_is_taken_up_where_it_ended(declared: Workspace, tmp_path: Path) -> None:
    data, path = frame(days=2), tmp_path / "grows.csv"
    data[:40].to_csv(path, index=False)
    assert declared.log("eta", path)["accepted"] == 40
    data.to_csv(path, index=False)
    assert declared.log("eta", path)["accepted"] == 40
    assert declared.model("eta")["rows"]["logs"] == 80


def test_a_file_that_cannot_be_read_is_an_error_in_words(declared: Workspace, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"there is no file .*nowhere\.csv"):
        declared.log("eta", tmp_path / "nowhere.csv")


def test_windows_are_judged_against_a_reference(
    declared: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for settings in (error_model._SMALL, error_model._LARGE):  # that there are estimates is tested here, not how good
        monkeypatch.setitem(settings, "max_iter", 5)
    reference = frame()
    reference.to_parquet(tmp_path / "reference.parquet")
    made = declared.reference("eta", tmp_path / "reference.parquet")
    assert (made["version"], made["rows"]) == (1, len(reference))
    expected, wider = declared.replay("eta"), declared.replay("eta", warnings_per_year=20)
    assert expected["reference_version"] == 1
    assert expected["windows"] > 0
    assert expected["summary"].startswith("In a year without change expect ")
    assert (expected["budget_warnings_per_year"], wider["budget_warnings_per_year"]) == (1, 20)
    assert wider["expected_warnings_per_year"] > expected["expected_warnings_per_year"]
    for strict, loose in zip(expected["sensitivity"], wider["sensitivity"], strict=True):
        assert all(a >= b for a, b in zip(strict["shifts"], loose["shifts"], strict=True))
    with pytest.raises(WorkspaceError, match="warnings_per_year"):
        declared.replay("eta", warnings_per_year=-1)

    current = frame(days=14, shift=6, start=datetime(2024, 2, 1, tzinfo=UTC), prefix="c")
    declared.log("eta", current)
    declared.label("eta", current[["prediction_id", "truth"]])
    (done,) = declared.run("eta")
    assert done["windows"] >= 1
    assert done["readings"] > 0
    drifted = declared.readings("eta", column="distance", check="jensen_shannon", verdict="drift")
    assert drifted
    assert drifted == declared.readings("eta", column="distance", check="jensen_shannon")[: len(drifted)]
    start = datetime.fromisoformat(drifted[0]["window_start"])
    assert start.utcoffset() == timedelta(hours=1)  # the model's own zone
    assert declared.readings("eta", limit=1, offset=1) == declared.readings("eta")[1:2]
    assert declared.readings("eta", since=start + timedelta(days=70)) == []
    together = declared.multivariate("eta")
    assert {row["check"] for row in together} == {"pca_reconstruction", "domain_classifier"}
    moved = [row for row in together if row["verdict"] == "drift"]
    assert moved
    assert all(row["drivers"][0]["column"] == "distance" for row in moved if row["check"] == "domain_classifier")
    (again,) = declared.run("eta")
    assert (again["windows"], again["alerts_opened"]) == (0, [])

    assert declared.windows("eta")
    assert declared.heatmap("eta")
    last = next(point for point in reversed(declared.performance("eta")) if point["value"] is not None)
    assert last["ci_lower"] < last["value"] < last["ci_upper"]  # type: ignore[operator]
    units = {name: {p.get("unit") for p in declared.performance("eta", metric=name)} for name in ("mae", "mape", "r2")}
    assert units == {"mae": {last["unit"]}, "mape": {"share"}, "r2": {"statistic"}}
    estimated = [point for point in declared.estimates("eta") if point["value"] is not None]
    assert {point["metric"] for point in estimated} == {declared.metric_names("eta")[0]}
    assert all(point["lower"] < point["value"] < point["upper"] for point in estimated)  # type: ignore[operator]
    assert {point["metric"] for point in declared.estimates("eta", "rmse")} == {"rmse"}
    with pytest.raises(NotFoundError, match="has no metric 'beauty'"):
        declared.estimates("eta", "beauty")
    detail = declared.performance_detail("eta", start, start + timedelta(days=7))
    assert detail["n"] > 0
    assert [metric["name"] for metric in detail["metrics"]][0] == declared.metric_names("eta")[0]  # noqa: RUF015
    assert sum(part["n"] for part in detail["by_range"]) == detail["n"]
    with pytest.raises(NotFoundError, match="has no labels; versions that have"):
        declared.performance_detail("eta", start, start + timedelta(days=7), version="v99")
    with pytest.raises(WorkspaceError, match="before it begins"):
        declared.performance_detail("eta", start, start - timedelta(days=7))
    tested = declared.concept("eta")
    assert tested is not None
    assert (tested["loss"], tested["alarmed_at"]) == ("absolute error", None)
    assert tested["threshold"] == tested["average_run_length"] > 1000
    (adwin,) = declared.detectors("eta", ["adwin"])
    assert (adwin["detector"], adwin["watches"]) == ("adwin", "absolute error")
    with pytest.raises(NotFoundError, match="no detector 'adwen'"):
        declared.detectors("eta", ["adwen"])
    parts = declared.change_parts("eta", start, start + timedelta(days=7))
    assert parts is not None
    assert parts["inputs"] + parts["rule"] == pytest.approx(parts["change"])
    assert isinstance(declared.slices("eta", start, start + timedelta(days=7), limit=3), list)
    (shown, *_) = declared.examples("eta", start, start + timedelta(days=7), limit=2)
    assert set(shown["values"]) == {"distance", "city name"}
    assert declared.change_parts("eta", start, start + timedelta(hours=3)) is None
    with pytest.raises(WorkspaceError, match="before it begins"):
        declared.slices("eta", start, start - timedelta(days=7))
    assert declared.metric_names("eta")[0] == declared.model("eta")["metric"]["name"]  # type: ignore[index]
    table = declared.drift_table("eta", start)
    assert {line["column"] for line in table} >= {"distance", "city name"}
    assert declared.feature("eta", "city name", start)["column"] == "city name"
    page = declared.rows("eta", start, start + timedelta(days=7), limit=5)
    assert len(page["rows"]) == 5
    assert declared.segment_errors("eta", start, start + timedelta(days=7)) is not None
    names = declared.segment_names("eta")
    assert {"city name=missing", "city name=other"} < {*names}
    inside = declared.segment_drift("eta", start, limit=3)
    assert [row["window_start"] for row in inside] == [drifted[0]["window_start"]] * len(inside)
    assert {row["segment"] for row in inside} <= {*names}
    assert {r["segment"] for r in declared.readings("eta", segment=inside[0]["segment"])} == {inside[0]["segment"]}
    assert {r["segment"] for r in declared.readings("eta")} == {None}
    assert None not in {r["segment"] for r in declared.readings("eta", segment="*")}
    with pytest.raises(NotFoundError, match="has no segment 'city name=Atlantis'; it has: "):
        declared.segment_drift("eta", segment="city name=Atlantis")
    assert isinstance(declared.markers("eta"), list)
    happened = declared.timeline(50)
    assert {"at", "kind", "model", "sentence", "alert_id", "version"} <= set().union(*happened)
    assert happened == sorted(happened, key=lambda item: datetime.fromisoformat(item["at"]), reverse=True)
    assert declared.timeline(50, model="eta") == [item for item in happened if item["model"] == "eta"]
    with pytest.raises(NotFoundError, match="there is no model 'nothing'"):
        declared.timeline(5, model="nothing")
    budget = declared.model("eta")["budget"]
    assert budget["pages_per_year"] > 0
    assert 0 < budget["days"] <= 365


@pytest.mark.slow
def test_labels_are_measured_and_what_they_restate_is_kept(workspace: Workspace) -> None:
    workspace.apply(DECLARATION + '\n[models.eta.feedback]\nthumbs = "boolean"\n')
    workspace.reference("eta", frame())
    current = frame(days=14, start=datetime(2024, 2, 1, tzinfo=UTC), prefix="c/ ")
    workspace.log("eta", current)
    workspace.label("eta", current[["prediction_id", "truth"]])
    workspace.run("eta")
    name = "c/ 0"
    said = workspace.label(
        "eta", [{"prediction_id": name, "kind": "thumbs", "value": True}, {"prediction_id": "no", "label": 1.0}]
    )
    assert (said["accepted"], said["rejected"]) == (2, [])
    refused = workspace.label("eta", [{"prediction_id": name, "kind": "smile", "label": True}])
    assert "has: thumbs" in refused["rejected"][0]["error"]
    workspace.label("eta", [{"prediction_id": name, "truth": 900.0}])
    workspace.run("eta")

    found = workspace.labels("eta")
    assert (found["labelled"], found["corrected"], found["orphans"]) == (14 * 40, 1, 1)
    assert all(window["coverage"] == 1.0 and window["mature"] for window in found["windows"])
    assert workspace.labels("eta", windows=1)["windows"] == found["windows"][-1:]
    entries = workspace.label_history("eta", name)
    assert [(entry["kind"], entry["current"]) for entry in entries] == [
        ("label", False),
        ("label", True),
        ("thumbs", True),
    ]
    (point,) = workspace.feedback("eta", "thumbs")
    assert (point["n"], point["shares"]) == (1, {"true": 1.0})
    with pytest.raises(NotFoundError, match="it has: thumbs"):
        workspace.feedback("eta", "smile")
    (restated,) = [p for p in workspace.performance("eta", metric="mae") if p.get("restated")]
    history = workspace.reading_history("eta", "mae", datetime.fromisoformat(restated["start"]))
    assert [reading["value"] for reading in history] == [restated["first_value"], restated["value"]]


@pytest.mark.slow
def test_an_alert_is_acknowledged(declared: Workspace) -> None:
    declared.reference("eta", frame())
    current = frame(days=21, shift=8, start=datetime(2024, 2, 1, tzinfo=UTC), prefix="c")
    declared.log("eta", current)
    declared.label("eta", current[["prediction_id", "truth"]])
    declared.run()
    alert = declared.alerts("eta")[0]
    assert declared.alert(alert["id"])["headline"] == alert["headline"]
    seen = declared.acknowledge(alert["id"], comment="on it")
    assert seen["state"] == "acknowledged"
    assert [item["id"] for item in declared.alerts(state="acknowledged")] == [alert["id"]]
    assert seen["history"][-1]["comment"] == "on it"


def test_what_is_not_there_yet_is_said(declared: Workspace) -> None:
    assert declared.alerts() == []
    assert declared.jobs() == []
    assert declared.versions("eta") == []
    for call in (lambda: declared.alert("none"), lambda: declared.job("none"), lambda: declared.deploy("eta", "v9")):
        with pytest.raises(NotFoundError):
            call()
    with pytest.raises(ConflictError):
        declared.rollback("eta")
    with pytest.raises(ConflictError, match="has no champion"):
        declared.predict("eta", [{"distance": 1.0, "city name": "Berlin"}])


def test_health_and_audit_answer(declared: Workspace) -> None:
    assert declared.health()["status"] == "ok"
    (entry,) = declared.audit()
    assert entry["actor"] == "cli"
    assert entry["action"] == "apply"


def test_a_home_is_cared_for(declared: Workspace, tmp_path: Path) -> None:
    declared.apply(DECLARATION.replace("[models.eta]", '[models.eta]\nsubject = "customer"'))
    data = frame(days=3)
    data["customer"] = [f"c {i % 4}/é" for i in range(len(data))]
    declared.log("eta", data)
    view = declared.storage("eta")
    assert (view["rows"], view["archived_rows"], view["keep"], view["next_cut"]) == (120, 0, None, None)
    assert view["oldest"] == "2024-01-01T01:00:00+01:00"
    made = declared.backup(tmp_path / "b.tar.zst")
    assert made["path"] == str(tmp_path / "b.tar.zst")
    assert (made["bytes"], made["models"]) == ((tmp_path / "b.tar.zst").stat().st_size, ["eta"])
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["b.tar.zst"]
    assert care.restore(tmp_path / "other", tmp_path / "b.tar.zst", lambda: NOW)["models"] == ["eta"]
    assert [finding for finding in declared.doctor() if not finding["ok"]] == []
    receipt = declared.erase("eta", "c 1/é")
    assert receipt["deleted"]["logs"] == 30
    assert declared.erasures() == declared.erasures("eta") == [receipt]
    assert declared.storage("eta")["rows"] == 90
    with pytest.raises((WorkspaceError, StorageError), match="give the name of a file in a folder that exists"):
        declared.backup(tmp_path / "nowhere" / "b")


def test_the_command_line_finds_the_owner_only_with_its_secret(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "home")
    try:
        with RemoteWorkspace(owner.url, secret="wrong") as stranger, pytest.raises(WorkspaceError, match="token"):
            stranger.models()
    finally:
        owner.stop()
    with RemoteWorkspace(owner.url) as late, pytest.raises(WorkspaceError, match="is it still running"):
        late.models()


def test_references_are_made_in_words_listed_and_compared(declared: Workspace, tmp_path: Path) -> None:
    assert declared.references("eta") == []
    declared.reference("eta", frame())
    declared.log("eta", frame(days=21, shift=2, start=datetime(2024, 2, 1, tzinfo=UTC), prefix="c"))
    later = frame(days=3, start=datetime(2024, 2, 22, tzinfo=UTC), prefix="d").assign(model_version="v1")
    declared.log("eta", later)
    made = declared.reference("eta", {"before_deployment": "2w"})
    assert made["period"] == ["2024-02-08T00:00:00+01:00", "2024-02-22T00:00:00+01:00"]
    assert any("performance and concept drift cannot be judged" in words for words in made["warnings"])
    with pytest.raises(WorkspaceError, match="was not trained here"):
        declared.reference("eta", {"training": "v0"})
    assert [view["version"] for view in declared.references("eta")] == [2, 1]
    moved = {line["column"]: line for line in declared.reference_diff("eta", 1, 2)}
    assert moved["distance"]["change"] == "shifted"
    assert moved["city name"]["change"] == "same"
    with pytest.raises(NotFoundError, match="it has: 1, 2"):
        declared.reference_diff("eta", 1, 3)


def test_a_reference_is_made_of_a_query(declared: Workspace, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        frame(days=14).assign(event_time=lambda f: f["event_time"].astype(str)).to_sql("sold", connection, index=False)
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    made = declared.reference("eta", {"connection": address, "sql": "SELECT * FROM sold"})
    assert made["rows"] == 14 * 40
    with pytest.raises(WorkspaceError, match="no such table"):
        declared.reference("eta", {"connection": address, "sql": "SELECT * FROM gone"})


def test_a_file_is_loaded_once_with_its_bad_lines_told(declared: Workspace, tmp_path: Path) -> None:
    head = "id,at,distance,city name,guess\n"
    good = "".join(f"f{i},2024-02-01T12:00:0{i},1.5,Łódź,3\n" for i in range(4))
    path = tmp_path / "rows.csv"
    path.write_text(head + good + "too,short\n" + "f9,2024-02-01,far,Berlin,3\n", encoding="utf-8")
    told: list[tuple[int, int, int]] = []
    reading = Reading(columns={"id": "prediction_id", "at": "event_time"})
    first = declared.log("eta", path, reading=reading, progress=lambda *what: told.append(what))
    assert (first["accepted"], first["duplicates"], first["rejected_rows"]) == (4, 0, 2)
    assert [(entry["row"], entry["line"], entry["field"]) for entry in first["rejected"]] == [
        (4, 6, "line"),
        (5, 7, "distance"),
    ]
    assert told[-1][0] == told[-1][1] == path.stat().st_size
    assert told[-1][2] == 6
    again = declared.log("eta", path, reading=reading)
    assert (again["accepted"], again["duplicates"], again["rejected_rows"]) == (0, 4, 2)
    refused = declared.quarantine("eta")
    assert sorted((entry["line"], entry["origin"], (entry["content"] or "")[:22]) for entry in refused) == [
        (6, str(path), "too,short"),
        (7, str(path), '{"prediction_id": "f9"'),
    ]
    strict = declared.log("eta", path, reading=reading, strict=True, key="again")
    assert (strict["accepted"], strict["rejected_rows"], len(declared.quarantine("eta"))) == (0, 2, 2)
