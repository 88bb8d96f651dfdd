"""Who may do what: one table from every method of the workspace to what it takes, and the proxy that holds callers to it.

A method that is not in the table may be called by nobody who signed in: a test demands that all of them are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

from service.identity import NEEDS, Identity, Scope
from service.veil import veiled
from service.workspace import ForbiddenError, NotFoundError, Workspace

#: How a method is held to the models that a token is limited to.
#: model: its argument names the model (for reading it may be left out: entries of others are then left out of the list);
#: list: entries of others are left out; whole: it is about more than can be told apart by model, so such a token may not;
#: free: it tells nothing of a model; the others name an argument by which the model is found.
Reach = Literal[
    "model", "list", "whole", "free", "silence", "alert_id", "job_id", "silence_id", "delivery_id", "source"
]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a method takes: the scope of a token (and by it the role of a user), and how far it reaches."""

    scope: Scope
    reach: Reach = "model"


def _rules(scope: Scope, reach: Reach, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), Rule(scope, reach))


RULES: Mapping[str, Rule] = {
    # -- viewers read ---------------------------------------------------------------------------------------------------
    **_rules(
        "read",
        "model",
        "model references reference_diff quarantine quarantine_groups schema_events labels label_history feedback "
        "replay windows readings multivariate performance metric_names heatmap drift_table feature segment_names "
        "segment_drift segment_errors rows markers evidently_report versions reading_history storage "
        "performance_detail concept detectors estimates change_parts slices examples business business_lift service_points "
        "compare_versions compare_slices fairness rule_terms try_rule learning_curve backtest triggers lineage deployments gate_report export_version "
        "report evidently_making columns column_rows relation",
    ),
    **_rules("read", "model", "alerts jobs runs erasures"),  # of every model too
    **_rules("read", "list", "models sources silences schedule timeline deliveries declared"),
    **_rules("read", "alert_id", "alert alert_picture"),
    **_rules("read", "job_id", "job"),
    **_rules("read", "source", "source_runs"),
    **_rules("read", "free", "health compare_files upload_limit"),
    **_rules("read", "whole", "export channels summary"),
    # -- programs of the model's owner send rows ------------------------------------------------------------------------
    **_rules("log", "model", "log label predict report_service loading"),
    # -- operators act --------------------------------------------------------------------------------------------------
    **_rules("act", "model", "run start_run cancel_run retrain study deploy rollback reference repair import_version"),
    **_rules("act", "alert_id", "acknowledge comment assign"),
    **_rules("act", "job_id", "cancel_job retrain_again"),
    **_rules("act", "silence_id", "unsilence"),
    **_rules("act", "delivery_id", "redeliver"),
    **_rules("act", "source", "run_source"),
    **_rules("act", "silence", "silence"),
    **_rules("act", "whole", "keep_upload example_upload propose set_up setting_up"),
    **_rules("act", "whole", "test_channel edit remove"),  # of channels and sources: an admin, see REACHES_OUT
    # -- admins decide what reaches out, what is deleted, and who may do what -------------------------------------------
    **_rules("admin", "model", "erase prune_versions"),
    **_rules("admin", "whole", "apply backup doctor audit"),
    **_rules("admin", "whole", "users add_user set_user remove_user tokens create_token revoke_token"),
}

#: Kinds of declarations by which something leaves this service or comes into it: an admin's.
REACHES_OUT = frozenset({"channel", "source"})

_NOT_OURS = frozenset({"close"})  # what the process does with its workspace, and no caller


def limited(workspace: Workspace, identity: Identity) -> Workspace:
    """Return the workspace as ``identity`` may use it: every call is held to :data:`RULES` and done under its name."""
    return cast("Workspace", Limited(workspace, identity))


def demand(identity: Identity, scope: Scope, what: str) -> None:
    """Raise :class:`ForbiddenError`, in words, unless ``identity`` may make calls of this scope."""
    if scope not in identity.scopes:
        raise ForbiddenError(
            f"{what} takes the scope {scope}, and {identity.name} has {', '.join(sorted(identity.scopes)) or 'none'}; "
            "an admin makes tokens: driftdeck token create"
        )
    if not identity.may(NEEDS[scope]):
        raise ForbiddenError(
            f"{what} takes the role {NEEDS[scope]}, and {identity.name} has {identity.role}; an admin gives roles: "
            "driftdeck user set NAME --role"
        )


def demand_everywhere(identity: Identity, scope: Scope, what: str) -> None:
    """Raise :class:`ForbiddenError` unless ``identity`` may make calls of this scope that are about every model."""
    demand(identity, scope, what)
    if identity.models is not None:
        raise ForbiddenError(f"{what} is about every model, and {identity.name} is limited to {_names(identity)}")


@cache
def _signature(name: str) -> inspect.Signature:
    """Return the parameters of a method, as the protocol has them."""
    return inspect.signature(getattr(Workspace, name))


def permit(workspace: Workspace, identity: Identity, name: str, *args: Any, **kwargs: Any) -> None:
    """Raise what a call of a method would, were ``identity`` to make it; does nothing else."""
    Limited(workspace, identity).check(name, args, kwargs)


class Limited:
    """A workspace in which one identity acts; anything but the methods of the table is out of reach."""

    __slots__ = ("_identity", "_workspace")

    def __init__(self, workspace: Workspace, identity: Identity) -> None:
        self._workspace, self._identity = workspace, identity

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method that asks the table before it does anything."""
        if name.startswith("_") or name in _NOT_OURS:
            raise AttributeError(name)
        method: Callable[..., Any] = getattr(self._workspace, name)
        acts = "actor" in _signature(name).parameters

        def call(*args: Any, **kwargs: Any) -> Any:
            everything = self.check(name, args, kwargs)
            if acts:
                kwargs["actor"] = self._identity.name  # whatever the caller says
            answer = method(*args, **kwargs)
            if not everything:
                answer = [entry for entry in answer if self._identity.sees(_model_of(entry) or "")]
            return veiled(self._identity, name, answer)

        return call

    def check(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        """Raise unless the call is allowed; return whether its answer may be seen whole."""
        rule, words = RULES.get(name), name.replace("_", " ")
        if rule is None:
            raise ForbiddenError(f"nobody was given the right to {words} yet: it is not in the table of roles")
        given = _signature(name).bind_partial(None, *args, **kwargs).arguments
        reaches_out = name in _EDITS and given["kind"] in REACHES_OUT
        demand(self._identity, "admin" if reaches_out else rule.scope, words)
        return self._within(words, rule, given)

    # -- models ----------------------------------------------------------------------------------------------------------
    def _within(self, words: str, rule: Rule, given: Mapping[str, Any]) -> bool:
        """Return whether an answer may be seen whole; raise when what a call is about is of a model that is not seen."""
        who = self._identity
        if who.models is None or rule.reach == "free":
            return True
        if rule.reach == "list":
            return False
        if rule.reach == "whole":
            demand_everywhere(who, rule.scope, words)
        models = self._models(rule.reach, given)
        if not models and rule.scope == "read":
            return False
        if not models:
            raise ForbiddenError(f"{who.name} is limited to {_names(who)}: {words} needs the name of one of them")
        for model in models:
            if not who.sees(model):  # by what was asked for: whose it is would be told otherwise
                named = model in (given.get("model"), given.get("name"))
                asked = model if named else given["alert_id" if rule.reach in ("model", "silence") else rule.reach]
                raise NotFoundError(f"{who.name} is limited to {_names(who)}: there is no {str(asked)[:80]!r} for it")
        return True

    def _models(self, reach: Reach, given: Mapping[str, Any]) -> list[str]:
        """Return the models that a call is about."""
        ws = self._workspace
        found = [given[key] for key in ("model", "name") if reach in ("model", "silence") and given.get(key)]
        if given.get("alert_id"):
            found = [each for each in found if each != "*"] + [ws.alert(given["alert_id"])["model"]]
        if reach == "job_id":
            found.append(ws.job(given[reach])["model"])
        if reach in _LISTS:
            key = "name" if reach == "source" else "id"
            every = getattr(ws, _LISTS[reach])()
            found += [view["model"] or "" for view in every if view[key] == given[reach]] or [given[reach]]
        return found


#: Where a thing is looked up whose number alone is given.
_LISTS = {"silence_id": "silences", "delivery_id": "deliveries", "source": "sources"}
_EDITS = frozenset({"edit", "remove"})


def _model_of(entry: Mapping[str, Any]) -> str | None:
    """Return the model that an entry of a list is about; None for what is about none, or all."""
    if "model" in entry:
        return cast("str | None", entry["model"])
    if "health" in entry or entry.get("kind") == "model":
        return cast("str", entry["name"])
    return cast("str | None", entry["values"].get("model")) if entry.get("kind") == "source" else None


def _names(identity: Identity) -> str:
    return ", ".join(sorted(identity.models or ()))
