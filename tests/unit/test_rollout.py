"""Roles are a fold over events: examples, and properties over any history."""

import hashlib
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retraining.rollout import Deployment, Roles, RolloutError, deploy, promote, roles, roles_at, rollback, route

T0 = datetime(2024, 1, 1, tzinfo=UTC)
KNOWN = ["v1", "v2", "v3", "v4"]


class History:
    """Appends what deploy and rollback return."""

    def __init__(self):
        self.events: list[Deployment] = []

    @property
    def now(self):
        return T0 + timedelta(hours=len(self.events))

    @property
    def roles(self):
        return roles(self.events)

    def promote(self, version, reference=None):
        self.events.append(
            promote(self.events, version, at=self.now, actor="ada", known=KNOWN, reference_version=reference)
        )
        return self

    def deploy(self, version, role, share=None):
        self.events.append(deploy(self.events, version, role, at=self.now, actor="ada", known=KNOWN, share=share))
        return self

    def rollback(self):
        self.events.append(rollback(self.events, at=self.now, actor="ada"))
        return self


def test_the_previous_champion_stays_warm_as_a_shadow():
    history = History().promote("v1", 1).promote("v2", 2)
    assert (history.roles.champion, history.roles.shadows) == ("v2", ("v1",))
    assert history.roles.champion_since == T0 + timedelta(hours=1)
    history.rollback()
    assert (history.roles.champion, history.roles.shadows) == ("v1", ("v2",))


def test_only_the_latest_champion_is_kept_warm_beside_declared_shadows():
    history = History().promote("v1").deploy("v4", "shadow").promote("v2").promote("v3")
    assert set(history.roles.shadows) == {"v4", "v2"}
    assert history.rollback().rollback().roles.champion == "v1"  # cold, but not forgotten


def test_the_reference_follows_the_champion():
    history = History().promote("v1", 1).promote("v2", 2)
    assert history.roles.reference_version == 2
    assert history.rollback().roles.reference_version == 1
    assert history.promote("v2").roles.reference_version == 2
    assert Roles().reference_version is None


def test_two_rollbacks_do_not_return():
    history = History().promote("v1").promote("v2").promote("v3")
    assert history.rollback().roles.champion == "v2"
    assert history.rollback().roles.champion == "v1"
    with pytest.raises(RolloutError, match="v1 is the first champion: there is nothing to roll back to"):
        history.rollback()


def test_promoting_after_a_rollback_starts_from_there():
    history = History().promote("v1").promote("v2").promote("v3").rollback().promote("v4")
    assert history.roles.former == ("v1", "v2")
    assert history.rollback().roles.champion == "v2"


def test_an_archived_version_is_not_rolled_back_to():
    history = History().promote("v1").promote("v2").promote("v1").promote("v3").deploy("v2", "archived")
    assert history.roles.former == ("v1",)
    assert history.rollback().roles.champion == "v1"
    with pytest.raises(RolloutError):
        history.rollback()


def test_a_canary_that_is_promoted_is_no_canary():
    history = History().promote("v1").deploy("v2", "canary", 0.2)
    assert (history.roles.canary, history.roles.share, history.roles.serving) == ("v2", 0.2, ("v1", "v2"))
    assert [history.roles.role(version) for version in KNOWN] == ["champion", "canary", "candidate", "candidate"]
    history.promote("v2")
    assert (history.roles.canary, history.roles.share, history.roles.serving) == (None, 0.0, ("v2",))
    assert history.roles.role("v1") == "shadow"


def test_the_past_can_be_asked():
    history = History().promote("v1").promote("v2").rollback()
    assert [roles_at(history.events, T0 + timedelta(hours=h)).champion for h in (-1, 0, 1, 2)] == [
        None,
        "v1",
        "v2",
        "v1",
    ]
    assert [version for _, version in history.roles.champions] == ["v1", "v2", "v1"]


@pytest.mark.parametrize(
    ("version", "role", "share", "words"),
    [
        ("v9", "shadow", None, "version 'v9' is not registered; there are v1, v2, v3, v4"),
        ("v2", "king", None, "role 'king' is not known; choose champion, shadow, canary, archived"),
        ("v2", "rollback", None, "role 'rollback' is not known"),
        ("v1", "champion", None, "v1 is the champion already"),
        ("v1", "archived", None, "v1 is the champion; promote another version"),
        ("v2", "canary", None, "a canary needs a share"),
        ("v2", "shadow", 0.5, "only a canary has a share"),
        ("v2", "canary", 1.5, "the canary's share 1.5 must lie between 0 and 1"),
        ("v2", "canary", float("nan"), "the canary's share nan must lie between 0 and 1"),
    ],
)
def test_what_makes_no_sense_is_refused(version, role, share, words):
    with pytest.raises(RolloutError, match=words):
        History().promote("v1").deploy(version, role, share)


def test_without_a_champion():
    with pytest.raises(RolloutError, match="there is no champion"):
        History().rollback()
    with pytest.raises(RolloutError, match="runs beside a champion"):
        History().deploy("v1", "canary", 0.1)
    with pytest.raises(RolloutError, match="no champion to answer"):
        route("id", Roles())


def test_events_survive_json():
    history = History().promote("v1", 1).deploy("v2", "canary", 0.25)
    assert [Deployment.from_dict(event.to_dict()) for event in history.events] == history.events


STEPS = st.lists(
    st.tuples(st.sampled_from(["champion", "rollback", "shadow", "canary", "archived"]), st.sampled_from(KNOWN)),
    max_size=25,
)


@given(STEPS)
def test_any_history_leaves_sensible_roles(steps):
    history = History()
    for action, version in steps:
        before = history.roles
        try:
            if action == "rollback":
                history.rollback()
            else:
                history.deploy(version, action, 0.3 if action == "canary" else None)
        except RolloutError:
            assert history.roles == before
            continue
        now = history.roles
        named = [now.champion, now.canary, *now.shadows]
        taken = [name for name in named if name]
        assert len(taken) == len(set(taken)), "one role a version"
        assert (now.canary is None) == (now.share == 0)
        assert before.champion is None or now.champion is not None, "a champion is only ever succeeded"
        if now.champion != before.champion:
            assert before.champion is None or before.champion in now.shadows
            assert now.champions[-1][1] == now.champion
        if action == "rollback":
            assert now.champion == before.former[-1] != before.champion
            assert len(now.former) < len(before.former)


@given(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=12))
def test_rolling_all_the_way_back_meets_the_champions_in_reverse(promoted):
    distinct = [version for i, version in enumerate(promoted) if i == 0 or version != promoted[i - 1]]
    history = History()
    for version in distinct:
        history.promote(version)
    for version in reversed(distinct[:-1]):
        assert history.rollback().roles.champion == version
    with pytest.raises(RolloutError):
        history.rollback()


@given(st.text(max_size=30), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_larger_share_keeps_those_it_had(prediction_id, one, other):
    small, large = sorted((one, other))
    by = [route(prediction_id, Roles(champion="v1", canary="v2", share=share)) for share in (small, large)]
    assert by != ["v2", "v1"]


def test_the_share_is_the_share():
    now = Roles(champion="v1", canary="v2", share=0.2)
    hits = sum(route(f"id-{number}", now) == "v2" for number in range(20_000))
    assert hits / 20_000 == pytest.approx(0.2, abs=0.01)


def test_the_route_is_the_same_on_another_engine():
    ids = [f"öre {number}" for number in range(500)]
    now = Roles(champion="v1", canary="v2", share=0.4)
    query = "SELECT ('0x' || substr(md5(?), 1, 13))::UBIGINT / 16^13 < 0.4"
    connection = duckdb.connect()
    for one in ids:
        (hit,) = connection.execute(query, [one]).fetchone() or (None,)
        assert (route(one, now) == "v2") == hit
    connection.close()
    assert int(hashlib.md5(b"abc").hexdigest()[:13], 16) / 16**13 == pytest.approx(0.5625200626)
