"""Setting a model up from a kept file: five steps, each of which may be repeated, so that whatever interrupts them, they go on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from service.local import attend, declare, kept_uploads, reference_making, runs
from service.local.ingest import append_block
from service.wizard import plan, reader
from service.wizard.tasks import first
from service.workspace import ConflictError, WorkspaceError
from storage.errors import StorageError

if TYPE_CHECKING:
    from service.local.core import Core
    from service.setting_up_views import Choices, Proposal, SetUpView, Step
    from service.views import AppendView
    from service.wizard.prepare import Recipe

_LOG = logging.getLogger(__name__)
_STEPS = {
    "read": "Read the file",
    "declare": "Declare the model",
    "log": "Take in the rows",
    "label": "Take in the labels",
    "reference": "Freeze the reference",
    "run": "Judge every window",
}
#: Set-ups that are under way in this process, by home and file.
_UNDER_WAY: dict[tuple[str, str], threading.Thread] = {}
_LOCK = threading.Lock()


def proposal(core: Core, upload: str, choices: Choices | None) -> Proposal:
    """Return what would be set up; see :meth:`service.setting_up.SettingUp.propose`."""
    kept = kept_uploads.known(core, upload)
    return plan.propose(kept, choices or {}, taken=core.control.model_records().keys(), now=core.now())


def state(core: Core, upload: str) -> SetUpView:
    """Return how far a set-up has come."""
    place = kept_uploads.folder(core, upload)
    if not (place / "progress.json").exists():
        return _blank(upload)
    view = cast("SetUpView", kept_uploads.read(place / "progress.json"))
    if view["state"] == "running" and (str(core.home.root), upload) not in _UNDER_WAY:
        view["state"] = "interrupted"
        view["error"] = "It ended with its process. What is done stands, and it goes on from there."
    run = core.runs.get(view["model"] or "")
    if view["state"] == "running" and run is not None and run.course.windows_total:
        step = next(step for step in view["steps"] if step["key"] == "run")
        step["words"] = f"{run.course.windows_done} of {run.course.windows_total} windows"
    return view


def _blank(upload: str) -> SetUpView:
    steps: list[Step] = [
        {"key": key, "title": title, "state": "waiting", "words": "", "seconds": None} for key, title in _STEPS.items()
    ]
    return {"upload": upload, "state": "waiting", "steps": steps, "error": None, "model": None, "toml": None, "warnings": [], "seconds": 0.0}  # fmt: skip


def begin(core: Core, upload: str, choices: Choices | None, actor: str, *, wait: bool) -> SetUpView:
    """Set up; see :meth:`service.setting_up.SettingUp.set_up`."""
    key = (str(core.home.root), upload)
    with _LOCK:
        under_way = _UNDER_WAY.get(key)
        if under_way is None:
            if state(core, upload)["state"] == "done":
                return state(core, upload)
            work = _planned(core, upload, choices, actor)
            under_way = _UNDER_WAY[key] = threading.Thread(
                target=_work, args=(work, key), name=f"set-up-{upload}", daemon=True
            )
            work.view["state"], work.view["error"] = "running", None
            work.note()
            under_way.start()
    if not wait:
        return state(core, upload)
    under_way.join()
    view = state(core, upload)
    if view["error"] is not None:
        raise WorkspaceError(view["error"])
    return view


def finish(core: Core) -> None:
    """Wait for the set-ups of a home that is about to be closed."""
    for (home, _), thread in list(_UNDER_WAY.items()):
        if home == str(core.home.root) and thread is not threading.current_thread():
            thread.join()


@dataclass(slots=True)
class _Work:
    """One set-up: what was planned, and how far it has come."""

    core: Core
    place: Path
    planned: Proposal
    actor: str
    view: SetUpView

    @property
    def model(self) -> str:
        return self.planned["name"]

    def note(self) -> None:
        kept_uploads.write(self.place / "progress.json", self.view)

    def say(self, key: str, words: str) -> None:
        next(step for step in self.view["steps"] if step["key"] == key)["words"] = words
        self.note()


def _planned(core: Core, upload: str, choices: Choices | None, actor: str) -> _Work:
    """Return the work that is to be done: what was begun goes on as it was planned."""
    place, view = kept_uploads.folder(core, upload), state(core, upload)
    if view["model"] is not None:
        planned = cast("Proposal", kept_uploads.read(place / "plan.json"))
    else:
        planned = proposal(core, upload, choices)
        against = plan.impossible(planned)
        if against:
            kind = ConflictError if planned["name"] in core.control.model_records() else WorkspaceError
            raise kind("; ".join(f"{note['words']}: {note['way_on']}" for note in against))
        view = _blank(upload)
        kept_uploads.write(place / "plan.json", planned)
    return _Work(core, place, planned, actor, view)


def _work(work: _Work, key: tuple[str, str]) -> None:
    with kept_uploads.in_use(work.place):
        _do_all(work, key)


def _do_all(work: _Work, key: tuple[str, str]) -> None:
    begun, before = time.monotonic(), work.view["seconds"]
    view = work.view
    try:
        for step in view["steps"]:
            if step["state"] == "done":
                continue
            step["state"], started = "running", time.monotonic()
            work.note()
            step["words"] = _DO[step["key"]](work)
            step["state"], step["seconds"] = "done", round(time.monotonic() - started, 3)
            work.note()
        view["state"] = "done"
        kept_uploads.forget_rows(work.place)
    except Exception as error:  # whatever it is, whoever waits is told in words
        known = isinstance(error, WorkspaceError | StorageError)
        if not known:
            _LOG.exception("setting up %s failed", work.model)
        words = str(error) if known else f"something unforeseen went wrong ({type(error).__name__}); the log says more"
        view["state"], view["error"] = "failed", _with_way_on(words, view)
        next(step for step in view["steps"] if step["state"] == "running")["state"] = "failed"
    finally:
        view["seconds"] = round(before + time.monotonic() - begun, 3)
        try:
            work.note()
        finally:
            _UNDER_WAY.pop(key, None)


def _with_way_on(words: str, view: SetUpView) -> str:
    done = [step["title"].lower() for step in view["steps"] if step["state"] == "done"]
    if view["model"] is None:
        return f"{words}. Nothing was set up."
    return f"{words}. What stands: {', '.join(done)}. Repeat to go on from there."


# -- steps -------------------------------------------------------------------------------------------------------------
def _read(work: _Work) -> str:
    planned, place = work.planned, work.place
    about = kept_uploads.read(place / "about.json")
    facts = {column["name"]: column for column in kept_uploads.known(work.core, planned["upload"]).facts["columns"]}
    time_column = first(planned["columns"], "time")
    known = None if time_column is None else facts[time_column]["time"]
    recipe: Recipe = {
        "mark": about["mark"],
        "columns": planned["columns"],
        "task": planned["task"],
        "positive": planned["positive"],
        "classes": planned["classes"],
        "timezone": planned["timezone"],
        "rows": planned["rows"],
        "order": plan.order_of(planned),
        "epoch": known is not None and known["form"].startswith("epoch"),
        "whole": [name for name, column in facts.items() if column["whole"] and column["stored"] in ("int", "float")],
    }
    found = reader.prepare(place / "file", about["name"], place / "rows.arrow", recipe)
    if found["rows"] == 0:
        raise WorkspaceError(
            f"no row of {about['name']} has a time in {time_column!r}; choose another column as the event time"
        )
    kept_uploads.write(place / "rows.json", found)
    gone = f"; {found['untimed']:,} without a time left out" if found["untimed"] else ""
    return f"{found['rows']:,} rows, {len(planned['columns'])} columns{gone}"


def _declare(work: _Work) -> str:
    core, owner = work.core, "file" if work.actor in declare.OPERATORS else "dashboard"
    with core.mutex:
        if work.model in core.control.model_records():
            raise ConflictError(f"there is a model {work.model!r} already; give this one another name")
        wanted = declare.read(core, work.planned["toml"], work.actor)
        declare.keep(core, wanted, owner, work.actor, [], take_over=False)
        core.control.append_audit(
            work.actor, "set up", f"models.{work.model}", {"file": work.planned["file"]}, "workspace", core.now()
        )
    work.view["model"], work.view["toml"] = work.model, work.planned["toml"]
    return (
        f"{work.model}, as {_a(work.planned['task'])} model"
        if work.planned["task"] != "none"
        else f"{work.model}, as data"
    )


def _a(task: str) -> str:
    return f"a {task}"


def _log(work: _Work) -> str:
    if work.planned["times"] == "none":
        return "none: without times every row belongs to the reference"
    found = _append(work, "logs", lambda table: table)
    if not found["accepted"] and not found["duplicates"]:
        why = found["rejected"][0] if found["rejected"] else {"field": "rows", "error": "there are none"}
        raise WorkspaceError(f"no row could be taken in; the first: {why['field']}: {why['error']}")
    refused = f"; {found['rejected_rows']:,} refused, see Data" if found["rejected_rows"] else ""
    return f"{found['accepted'] + found['duplicates']:,} rows{refused}"


def _label(work: _Work) -> str:
    label = first(work.planned["columns"], "label")
    if label is None or work.planned["task"] == "none" or work.planned["times"] == "none":
        return "none in the file" if label is None else "they belong to the reference"
    spec = work.core.spec(work.model)
    wanted = [spec.id or "prediction_id", label, spec.time or "event_time", "event_time", "label_time"]

    def labelled(table: pa.Table) -> pa.Table:
        kept = table.select([name for name in dict.fromkeys(wanted) if name in table.column_names])
        return kept.filter(pc.is_valid(kept.column(label)))

    found = _append(work, "labels", labelled)
    refused = f"; {found['rejected_rows']:,} refused" if found["rejected_rows"] else ""
    return f"{found['accepted'] + found['duplicates']:,} labels{refused}"


def _append(work: _Work, into: Any, shape: Callable[[pa.Table], pa.Table]) -> AppendView:
    spec, total = work.core.spec(work.model), _nothing()
    step = "log" if into == "logs" else "label"
    for number, batch in enumerate(_rows(work)):
        table = shape(batch)
        if not table.num_rows:
            continue
        key = f"set-up/{work.planned['upload']}/{number}"
        found = append_block(work.core, spec, into, table, key=key, origin=work.planned["file"])
        total["accepted"] += found["accepted"]
        total["duplicates"] += found["duplicates"]
        total["rejected_rows"] += found["rejected_rows"]
        total["rejected"] += found["rejected"][:3]
        work.say(step, f"{total['accepted'] + total['duplicates']:,} of {work.planned['rows']:,}")
    return total


def _nothing() -> AppendView:
    return {"accepted": 0, "duplicates": 0, "rejected": [], "rejected_rows": 0}


def _rows(work: _Work) -> Iterator[pa.Table]:
    """Yield the prepared rows, each block validated: they were written by a process that read a stranger's file."""
    with pa.OSFile(str(work.place / "rows.arrow"), "rb") as file, pa.ipc.open_stream(file) as blocks:
        for batch in blocks:
            batch.validate(full=True)
            yield pa.Table.from_batches([batch])


def _reference(work: _Work) -> str:
    core, model = work.core, work.model
    if core.control.reference_versions(model):
        return "frozen before"
    period = plan.bounds(work.planned)
    data = pa.concat_tables(list(_rows(work))) if period is None else period
    made = reference_making.make(core, model, data, None, work.actor)
    work.view["warnings"] = made["warnings"]
    return f"{made['rows']:,} rows, {len(made['columns'])} columns"


def _run(work: _Work) -> str:
    found = runs.run(work.core, work.model, actor=work.actor)
    attend.attend(work.core)
    if found.get("state", "done") != "done":
        raise WorkspaceError(f"judging ended after {found['windows']} windows ({found['state']})")
    if not found["windows"]:
        return "no window yet: the next rows will be judged"
    number = len(found["alerts_opened"])
    opened = f"{number} {'alert' if number == 1 else 'alerts'} opened" if number else "no alert"
    return f"{found['windows']} windows, {found['readings']:,} readings, {opened}"


_DO: dict[str, Callable[[_Work], str]] = {
    "read": _read,
    "declare": _declare,
    "log": _log,
    "label": _label,
    "reference": _reference,
    "run": _run,
}
