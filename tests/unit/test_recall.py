"""What is recalled is what would be found anew: the same questions are put to a workspace opened just now on the same home."""

import functools
import gc
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from monitors.why import fit
from service.local.recall import Recall
from service.workspace import WorkspaceError
from tests.support.tiny_workspace import DECLARATION, LIVE, MODEL, REFERENCE_DAYS, Clock, Tiny, rows, tiny

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DECLARED = DECLARATION.replace('label = "truth"', 'label = "truth"\nsubject = "customer"').replace(
    "multivariate = []", 'multivariate = ["pca_reconstruction"]'
)
SUBJECT = "c3"
DAYS = 4  # that are logged, labelled and judged; in the last two the rule is another
BEGUN = DAYS + 1.1  # where the clock stands, in days after LIVE


def frame(first: int, count: int = 1, **changes: Any) -> pd.DataFrame:
    found = rows(first, count, **changes)
    return found.assign(customer=[f"c{place % 7}" for place in range(len(found))])


def send(ws: Tiny, found: pd.DataFrame, *, labels: bool = True) -> None:
    ws.workspace.log(MODEL, found.drop(columns="truth"))
    if labels:
        label(ws, found)


def label(ws: Tiny, found: pd.DataFrame) -> None:
    """They take up to thirty hours."""
    lags = pd.to_timedelta(pd.Series(range(len(found))) % 30, unit="h").to_numpy()
    told = found[["prediction_id", "truth"]].assign(label_time=found["event_time"] + lags)
    ws.workspace.label(MODEL, told)


def live(first: int, count: int = 1, **changes: Any) -> pd.DataFrame:
    return frame(REFERENCE_DAYS + first, count, **changes)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """What explains a change is fitted with little: that it is another is tested here, not how good it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "_TIMES", 1)
        for name in ("_regressor", "_classifier"):
            made = getattr(fit, name)
            patch.setattr(fit, name, lambda *args, made=made: made(*args).set_params(max_iter=3))
        yield


@pytest.fixture(scope="module")
def prepared(quick: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("recall") / "home"
    with tiny(home, DECLARED) as ws:
        ws.workspace.reference(MODEL, frame(0, REFERENCE_DAYS))
        send(ws, live(0, DAYS - 2))
        changed = live(DAYS - 2, 2, bias=9.0, shift=4.0)
        send(ws, changed, labels=False)
        label(ws, changed.iloc[: len(changed) * 9 // 10])
        send(ws, live(DAYS).iloc[::2], labels=False)
        ws.run_at(BEGUN)
        assert ws.trained()["state"] == "succeeded"
        assert ws.workspace.alerts(MODEL)
    return home


@pytest.fixture
def ws(prepared: Path, tmp_path: Path) -> Iterator[Tiny]:
    shutil.copytree(prepared, tmp_path / "home")
    with tiny(tmp_path / "home", "", Clock(LIVE + timedelta(days=BEGUN))) as made:
        yield made


# -- the oracle --------------------------------------------------------------------------------------------------------
JUDGED = (LIVE + (DAYS - 2) * DAY, LIVE + (DAYS - 1) * DAY)  # a window that was judged
WORSE = (JUDGED[0], JUDGED[1] + DAY)  # and the next: a hundred labelled rows
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "models": lambda ws: ws.models(),
    "windows": lambda ws: ws.windows(MODEL),
    "heatmap": lambda ws: ws.heatmap(MODEL),
    "drift_table": lambda ws: ws.drift_table(MODEL),
    "drift_table of a window": lambda ws: ws.drift_table(MODEL, JUDGED[0]),
    "feature": lambda ws: ws.feature(MODEL, "distance"),
    "feature of a window": lambda ws: ws.feature(MODEL, "city", JUDGED[0]),
    "relation": lambda ws: ws.relation(MODEL, "distance", JUDGED[0]),
    "performance": lambda ws: ws.performance(MODEL),
    "performance by the hour": lambda ws: ws.performance(MODEL, metric="rmse", grain="1h"),
    "performance by the week": lambda ws: ws.performance(MODEL, grain="1w"),
    "performance_detail": lambda ws: ws.performance_detail(MODEL, *JUDGED),
    "multivariate": lambda ws: ws.multivariate(MODEL),
    "change_parts": lambda ws: ws.change_parts(MODEL, *WORSE),
    "slices": lambda ws: ws.slices(MODEL, *WORSE),
    "examples": lambda ws: ws.examples(MODEL, *WORSE, limit=500),
    "segment_names": lambda ws: ws.segment_names(MODEL),
    "segment_drift": lambda ws: ws.segment_drift(MODEL),
    "segment_errors": lambda ws: ws.segment_errors(MODEL, *JUDGED),
    "estimates": lambda ws: ws.estimates(MODEL),
    "alerts": lambda ws: ws.alerts(),
    "labels": lambda ws: ws.labels(MODEL),
    "columns": lambda ws: ws.columns(MODEL),
}


def answers(workspace: Any) -> dict[str, str]:
    """Return what every method answers, as text: numbers that are not equal to themselves are, there."""

    def answer(question: Callable[[Any], Any]) -> str:
        try:
            return json.dumps(question(workspace), default=str)
        except WorkspaceError as error:
            return f"{type(error).__name__}: {error}"

    return {name: answer(question) for name, question in QUESTIONS.items()}


@pytest.fixture(scope="module", autouse=True)
def nothing_frozen() -> Iterator[None]:
    """What tests/conftest.py has frozen is not among `gc.get_objects()`, and that is where the product's caches are looked for."""
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()


def forget_everything() -> None:
    """Empty what the process remembers of functions of the product, as a new process would have it."""
    caches = [one for one in gc.get_objects() if type(one) is functools._lru_cache_wrapper]
    ours = [one for one in caches if one.__module__.split(".")[0] in ("service", "storage", "monitors")]
    assert ours
    for one in ours:
        one.cache_clear()


def compared(ws: Tiny) -> dict[str, str]:
    """Return what is answered now, which has to be what a workspace answers that was opened just now."""
    found = answers(ws.workspace)
    clock = ws.workspace.core.replayed
    forget_everything()
    ws.reopen()
    ws.workspace.core.replayed = clock
    fresh = answers(ws.workspace)
    stale = sorted(name for name in fresh if found[name] != fresh[name])
    assert not stale, {name: (found[name][:3000], fresh[name][:3000]) for name in stale[:1]}
    return fresh


# -- what may change ---------------------------------------------------------------------------------------------------
def rows_of_the_window_under_way(ws: Tiny) -> None:
    send(ws, live(DAYS + 1, prefix="now"), labels=False)


def late_rows_of_a_judged_window(ws: Tiny) -> None:
    send(ws, live(DAYS - 2, prefix="late", shift=1.0))


def late_rows_and_a_run(ws: Tiny) -> None:
    late_rows_of_a_judged_window(ws)
    ws.workspace.run(MODEL)


def corrected_labels(ws: Tiny) -> None:
    found = live(DAYS - 2, bias=40.0, shift=4.0)
    label(ws, found)


def labels_that_were_missing(ws: Tiny) -> None:
    label(ws, live(DAYS).iloc[::2])
    ws.workspace.run(MODEL)


def labels_of_long_ago(ws: Tiny) -> None:
    """Nobody looks near their prediction; the next run would."""
    ws.clock.now += 60 * DAY
    before = answers(ws.workspace)
    label(ws, live(DAYS - 2, bias=40.0, shift=4.0))
    assert answers(ws.workspace)["change_parts"] != before["change_parts"]


def labels_before_their_predictions(ws: Tiny) -> None:
    found = live(DAYS - 2, prefix="turned", bias=20.0)
    label(ws, found)
    answers(ws.workspace)
    send(ws, found, labels=False)


def refused_rows(ws: Tiny) -> None:
    ws.workspace.log(MODEL, live(DAYS).head(3).drop(columns="truth").assign(prediction_id=["q1", "q2", "q3"], distance="far"))  # fmt: skip


def a_run_later(ws: Tiny) -> None:
    ws.run_at(BEGUN + 1)


def acknowledged(ws: Tiny) -> None:
    ws.workspace.acknowledge(ws.workspace.alerts(MODEL)[0]["id"], comment="we know")


def silenced(ws: Tiny) -> None:
    ws.workspace.silence(ends=ws.clock.now + DAY, comment="we know", model=MODEL)


def silence_that_ends(ws: Tiny) -> None:
    ws.workspace.silence(ends=ws.clock.now + HOUR, comment="we know", model=MODEL)
    answers(ws.workspace)
    ws.clock.now += 2 * HOUR


def other_tolerance(ws: Tiny) -> None:
    ws.workspace.apply(DECLARED.replace('grace = "6h"', 'grace = "6h"\ntolerance = 1.5'))


def other_declaration_and_back(ws: Tiny) -> None:
    ws.workspace.apply(DECLARED.replace('grace = "6h"', 'grace = "12h"'))
    answers(ws.workspace)
    ws.workspace.apply(DECLARED)


def other_grace(ws: Tiny) -> None:
    ws.workspace.apply(DECLARED.replace('grace = "6h"', 'grace = "36h"'))


def other_unit(ws: Tiny) -> None:
    more = 'units = { truth = "min" }\nsubject'
    ws.workspace.apply(DECLARED.replace("subject", more))


def other_window(ws: Tiny) -> None:
    ws.workspace.apply(DECLARED.replace('window = "1d"', 'window = "2d"'))


def rolling_reference(ws: Tiny) -> None:
    ws.workspace.apply(DECLARED + '[models.eta.reference]\nkind = "rolling"\nspan = "7d"\n')
    ws.workspace.run(MODEL)


def rows_of_the_stretch_before(ws: Tiny) -> None:
    rolling_reference(ws)
    answers(ws.workspace)
    send(ws, live(DAYS - 3, prefix="before", shift=-3.0))


def another_reference(ws: Tiny) -> None:
    ws.workspace.reference(MODEL, frame(0, REFERENCE_DAYS // 2, shift=1.0))


def another_reference_and_a_run(ws: Tiny) -> None:
    another_reference(ws)
    ws.workspace.run(MODEL)


def another_version_registered(ws: Tiny) -> None:
    assert ws.trained()["state"] == "succeeded"


def deployed(ws: Tiny) -> None:
    ws.workspace.deploy(MODEL, "v1")


def deployed_as_a_shadow(ws: Tiny) -> None:
    ws.workspace.deploy(MODEL, "v1", role="shadow")


def rolled_back(ws: Tiny) -> None:
    ws.workspace.deploy(MODEL, "v1")
    assert ws.trained()["state"] == "succeeded"
    ws.workspace.deploy(MODEL, "v2")
    answers(ws.workspace)
    ws.workspace.rollback(MODEL)


def served_by_another_version(ws: Tiny) -> None:
    deployed(ws)
    send(ws, live(DAYS + 1, version="v1"))
    ws.run_at(BEGUN + 1)


def erased(ws: Tiny) -> None:
    deleted = ws.workspace.erase(MODEL, SUBJECT)["deleted"]
    assert deleted["logs"]
    assert deleted["samples"]


def retained(ws: Tiny, then: str) -> None:
    ws.workspace.apply(DECLARED.replace("subject", f'retention = {{ keep = "60d", then = "{then}" }}\nsubject'))
    send(ws, live(DAYS + 60))
    ws.run_at(BEGUN + 61)
    assert ws.workspace.storage(MODEL)["archived_rows" if then == "archive" else "dropped_rows"]


def served_times(ws: Tiny) -> None:
    at = LIVE + (DAYS - 1) * DAY + 3 * HOUR
    one = {"process": "p", "until": at.isoformat(), "seconds": 60, "requests": 9, "errors": 3}
    ws.workspace.report_service(MODEL, [one])
    ws.workspace.run(MODEL)


def an_hour_later(ws: Tiny) -> None:
    ws.clock.now += HOUR


def past_the_grace(ws: Tiny) -> None:
    ws.clock.now = LIVE + (DAYS + 1) * DAY + timedelta(hours=5, minutes=59)
    answers(ws.workspace)
    ws.clock.now += 2 * timedelta(minutes=1)


def past_midnight(ws: Tiny) -> None:
    ws.clock.now = LIVE + (DAYS + 2) * DAY - timedelta(minutes=1)
    answers(ws.workspace)
    ws.clock.now += timedelta(minutes=2)


def past_an_hour(ws: Tiny) -> None:
    send(ws, live(DAYS + 1, prefix="now"))
    ws.workspace.run(MODEL)
    answers(ws.workspace)
    ws.clock.now += HOUR + timedelta(minutes=1)


def put_back(ws: Tiny) -> None:
    ws.clock.now -= 3 * DAY


def future_rows(ws: Tiny) -> None:
    """They count from a day before their time on, in the middle of a day."""
    send(ws, live(DAYS + 3, prefix="future").tail(10))
    before = answers(ws.workspace)
    ws.clock.now = LIVE + (DAYS + 2) * DAY + 21 * HOUR
    between = answers(ws.workspace)
    ws.clock.now += 2 * HOUR
    after = answers(ws.workspace)
    assert json.loads(before["models"])[0]["data_until"] < json.loads(after["models"])[0]["data_until"]
    assert json.loads(between["models"])[0]["data_until"] < json.loads(after["models"])[0]["data_until"]


def future_rows_put_back(ws: Tiny) -> None:
    future_rows(ws)
    ws.clock.now -= 2 * HOUR


def played(ws: Tiny) -> None:
    """The demo's clock, which its player puts forward."""
    ws.workspace.core.set_clock(ws.clock.now + 5 * HOUR)
    answers(ws.workspace)
    ws.workspace.core.set_clock(ws.clock.now + 20 * HOUR)


CHANGES: dict[Callable[[Tiny], None], set[str]] = {
    rows_of_the_window_under_way: {"models", "windows"},
    late_rows_of_a_judged_window: {"models", "relation", "feature of a window", "change_parts"},
    late_rows_and_a_run: {"models", "windows", "drift_table of a window", "performance"},
    corrected_labels: {"relation", "change_parts", "examples"},
    labels_that_were_missing: {"models", "windows", "performance", "labels"},
    labels_of_long_ago: {"relation", "change_parts"},
    labels_before_their_predictions: {"models", "relation", "change_parts"},
    refused_rows: {"models"},
    a_run_later: {"models", "windows", "labels"},
    acknowledged: {"alerts"},
    silenced: {"models"},
    silence_that_ends: set(),
    other_tolerance: {"feature"},
    other_declaration_and_back: set(),
    other_grace: {"windows", "models"},
    other_unit: {"feature", "relation"},
    other_window: {"models", "windows", "performance"},
    rolling_reference: {"relation"},
    rows_of_the_stretch_before: {"relation"},
    another_reference: {"models"},
    another_reference_and_a_run: {"drift_table", "heatmap", "models"},
    another_version_registered: set(),
    deployed: {"models"},
    deployed_as_a_shadow: set(),
    rolled_back: {"models"},
    served_by_another_version: {"models", "windows", "performance", "drift_table"},
    erased: {"models", "relation", "examples"},
    functools.partial(retained, then="drop"): {"models", "relation"},
    functools.partial(retained, then="archive"): {"models"},
    served_times: set(),
    an_hour_later: {"performance"},
    past_the_grace: {"windows"},
    past_midnight: set(),
    past_an_hour: {"performance by the hour"},
    put_back: set(),
    future_rows: {"models", "windows"},
    future_rows_put_back: set(),
    played: {"windows"},
}


def _name(change: Callable[[Tiny], None]) -> str:
    if isinstance(change, functools.partial):
        return "_".join([change.func.__name__, *change.keywords.values()])
    return change.__name__


@pytest.mark.slow
@pytest.mark.parametrize(("change", "moved"), CHANGES.items(), ids=map(_name, CHANGES))
def test_what_is_recalled_is_what_is_so(ws: Tiny, change: Callable[[Tiny], None], moved: set[str]) -> None:
    before = answers(ws.workspace)
    change(ws)
    after = compared(ws)
    told = {name for name in after if before[name] != after[name]}
    assert moved <= told, "the change has to be one that the answers tell of"


# -- what changes nothing ----------------------------------------------------------------------------------------------
def backed_up(ws: Tiny) -> None:
    ws.workspace.backup(ws.home.parent / "backup.tar")


def checkpointed(ws: Tiny) -> None:
    ws.workspace.core.db.checkpoint()


@pytest.mark.slow
@pytest.mark.parametrize("step", [backed_up, checkpointed])
def test_what_changes_no_row_renews_nothing(
    ws: Tiny, step: Callable[[Tiny], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, kept, put = answers(ws.workspace), list[Any](), Recall.put

    def noted(self: Recall, question: Any, *rest: Any) -> None:
        kept.append(question)
        put(self, question, *rest)

    monkeypatch.setattr(Recall, "put", noted)
    answers(ws.workspace)
    of_itself = len(kept)  # what is never kept for long
    step(ws)
    assert answers(ws.workspace) == before
    assert len(kept) == 2 * of_itself


# -- what callers do with an answer ------------------------------------------------------------------------------------
def spoil(value: Any) -> None:
    """Change whatever can be changed of an answer, however deep."""
    if isinstance(value, dict):
        for one in value.values():
            spoil(one)
        for key in value:
            value[key] = "spoilt"
    elif isinstance(value, list):
        for one in value:
            spoil(one)
        value.append("spoilt")
    elif isinstance(value, tuple):
        for one in value:
            spoil(one)


@pytest.mark.slow
def test_a_changed_answer_does_not_reach_the_next_caller(ws: Tiny) -> None:
    before = answers(ws.workspace)
    for question in QUESTIONS.values():
        for _ in range(2):  # who works an answer out gets no more of it than who finds it
            spoil(question(ws.workspace))
    assert answers(ws.workspace) == before
