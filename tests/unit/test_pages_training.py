"""Before and after a retrain, on its page: studies, triggers, lineage and files."""

import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import curve
from dashboard.components import rollout_words
from dashboard.theme import LIGHT
from service import context
from service.workspace import ConflictError
from tests.support.fake_workspace import MODEL, FakeWorkspace


def _script() -> None:
    from dashboard.app import main

    main("retrain")


@pytest.fixture
def workspace():
    made = FakeWorkspace()
    context.set_workspace(made)
    yield made
    context.set_workspace(None)


def _open(**held: object) -> Any:
    page = AppTest.from_function(_script, default_timeout=60)
    page.query_params["model"] = MODEL
    for key, value in held.items():
        page.session_state[key] = value
    return _run(page)


def _run(page: Any) -> Any:
    page.run()
    assert not page.exception, page.exception
    return page


def _words(page: Any) -> str:
    parts = [part.value for kind in ("markdown", "caption", "error") for part in getattr(page, kind)]
    return re.sub(r"\\(.)", r"\1", "\n".join(parts))


@pytest.mark.slow
def test_studies_are_started_here_and_say_what_they_found(workspace):
    page = _open()
    assert "Where the curve levels off" in _words(page)
    page.button(key="study_learning_curve_start").click()
    _run(page)
    page.button(key="study_backtest_start").click()
    _run(page)
    assert workspace.studied == {"learning_curve", "backtest"}
    words = _words(page)
    assert "8,000 rows are as good as all 28,375" in words
    table = next(frame.value for frame in page.dataframe if "Learned from" in frame.value.columns)
    assert list(table["Take"]) == ["★", "", "", "", ""]


def test_no_study_is_started_while_a_job_is_under_way(workspace):
    workspace.retrain(MODEL)
    assert _open().button(key="study_backtest_start").disabled


def test_what_would_start_a_retrain_by_itself_is_said(workspace):
    assert "After 10,000 new labels: 4,200 have come." in _words(_open())


@pytest.mark.slow
def test_lineage_is_asked_for_when_it_is_opened_and_files_say_why_not(workspace, monkeypatch):
    assert "scikit-learn 1.9.0" not in _words(_open())
    page = _open(lineage_panel=True)
    assert "scikit-learn 1.9.0" in _words(page)
    page.button(key="file_onnx").click()
    _run(page)
    assert "the fake workspace gives out no models" in _words(page)


def test_a_file_that_was_made_can_be_taken_along(workspace, monkeypatch, tmp_path):
    path = tmp_path / "v1.json"
    path.write_text("{}")

    def export(model: str, version: str, form: str) -> Any:
        if form != "parameters":
            raise ConflictError("no")
        return path

    monkeypatch.setattr(workspace, "export_version", export)
    page = _open(lineage_panel=True)
    page.button(key="file_parameters").click()
    _run(page)
    (download,) = [one for one in page.get("download_button") if "v1.json" in one.proto.label.replace("\\", "")]
    assert download


def test_the_curve_draws_its_interval_and_where_it_levels_off(workspace):
    workspace.study(MODEL, "learning_curve")
    found = workspace.learning_curve(MODEL)
    assert found is not None
    figure = curve.figure(found, LIGHT)
    assert list(figure.data[0].x) == [point["rows"] for point in found["points"]]
    assert figure.layout.shapes[0].x0 == 8000
    found["levels_off"] = None
    assert curve.figure(found, LIGHT).layout.shapes == ()


def test_who_served_when_is_listed_newest_first(workspace):
    context.set_workspace(FakeWorkspace(until_week=52))
    page = _open()
    history = next(table.value for table in page.dataframe if "Why" in table.value and "Role" in table.value)
    assert list(history["Version"]) == ["v2", "v1", "v1"]
    assert history["Role"].iloc[0] == ["★ champion"]
    assert history["Why"].iloc[0] == "because of alert a1"


@pytest.mark.parametrize(
    ("promote", "said"),
    [(None, "Nothing is promoted without you"), ("manual", "Nothing is promoted without you"), ("shadow", "as a shadow"),
     ("canary", "answers a part of the predictions without asking you"), ("auto", "becomes the champion without asking you")],
)  # fmt: skip
def test_who_starts_a_training_is_told_what_becomes_of_its_version(workspace, monkeypatch, promote, said):
    values = {} if promote is None else {"retrain": {"promote": promote}}
    monkeypatch.setattr(workspace, "declared", lambda: [{"kind": "model", "name": MODEL, "values": values}])

    def script() -> None:
        from dashboard import state
        from dashboard.components import confirm

        confirm.retrain(state.workspace().model("air_time"), None)

    words = _words(_run(AppTest.from_function(script, default_timeout=60)))
    assert said in words
    assert ("without you" in words) == (promote in (None, "manual"))


def _versions(workspace, monkeypatch, verdict):
    """Make the fake's v2 one that its gate ended with ``verdict``, and that v1 may wait for."""
    found = [workspace._version("v2", 6.9, 17, 22), workspace._version("v1", 7.6, 0, 9)]
    for version in found:
        version["gate_verdict"] = verdict if version["version"] == "v2" else "passed"
        version["role"] = "candidate" if version["version"] == "v2" else "champion"
    monkeypatch.setattr(workspace, "versions", lambda _name: found)


@pytest.mark.parametrize(
    ("verdict", "primary", "said"),
    [("passed", True, ""), ("warned", False, "its gate warns"), ("failed", False, "did not pass its gate")],
)
def test_only_what_the_gate_recommends_stands_out(workspace, monkeypatch, verdict, primary, said):
    _versions(workspace, monkeypatch, verdict)
    page = _open()
    promote = page.button(key="promote")
    assert (promote.label, promote.disabled) == ("Promote v2 to champion…", False)
    assert (promote.proto.type == "primary") == primary
    assert said in _words(page)
    assert said in promote.help


def test_a_version_that_was_rolled_back_says_so_and_does_not_stand_out(workspace, monkeypatch):
    _versions(workspace, monkeypatch, "passed")
    first = workspace.deployments(MODEL)[-1]
    events = [
        {**first, "role": "rollback", "at": "2013-06-20T00:00:00-04:00"},
        {**first, "version": "v2", "at": "2013-06-04T00:00:00-04:00"},
        first,
    ]
    monkeypatch.setattr(workspace, "deployments", lambda _name: events)
    page = _open()
    promote = page.button(key="promote")
    assert (promote.label, promote.proto.type) == ("Promote v2 again…", "secondary")
    assert page.button(key="retrain").proto.type == "primary"
    assert "rolled back on 20 Jun 2013" in _words(page)
    assert next(badge.proto.body for badge in page.markdown if "5 Champion" in badge.value).startswith(
        ":orange-badge[↩"
    )
    again = [{**first, "version": "v2", "at": "2013-06-30T00:00:00-04:00"}, *events]
    assert rollout_words.rolled_back(again) == {}


def test_after_a_training_that_failed_there_is_nothing_to_promote(workspace):
    assert _open().button(key="promote").disabled
    failed: Any = workspace.retrain(MODEL)
    failed.update(state="failed", exit_code=1, error="no label", ended_at=failed["created_at"])
    page = _open()
    assert "promote" not in [button.key for button in page.button]
    assert page.button(key="retrain").proto.type == "primary"
