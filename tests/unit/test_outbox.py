"""Messages reach every channel at least once, under one key, whatever a receiver does and whatever the clock does."""

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest

from service.local import attend, outbox
from service.workspace import ConflictError, NotFoundError, WorkspaceError
from tests.support.alert_home import AlertHome, Clock, alert_home, channel
from tests.support.receivers import HttpReceiver, http_receiver, mail_receiver


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Iterator[AlertHome]:
    with alert_home(tmp_path / "home") as made:
        yield made


def test_an_alert_is_told_and_so_is_its_end(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url))
    alert = home.fire()
    home.attend()
    home.clock.forward(hours=1)
    home.move(alert, "", "Quiet for 2 windows.", state="resolved", resolved_at=home.clock.now)
    home.attend()
    first, last = (request.document for request in receiver.seen)
    assert first["title"] == "Warning: distance drifted from the reference"
    assert "3 km higher" in first["body"]
    assert (first["data"]["told"], last["data"]["told"]) == ("firing", "resolved")
    assert last["body"].startswith("Quiet for 2 windows.")
    assert receiver.keys() == [first["id"], last["id"]]
    assert set(home.states().values()) == {"sent"}


@pytest.mark.parametrize(
    ("keys", "changes", "told"),
    [
        ({}, {}, True),
        ({"severity": ["page"]}, {}, False),
        ({"severity": ["page"]}, {"severity": "page"}, True),
        ({"models": ["churn*"]}, {}, False),
        ({"models": ["e*"]}, {}, True),
        ({"kinds": ["no_data"]}, {}, False),
        ({"kinds": ["no_data"]}, {"kind": "no_data"}, True),
        ({"heartbeat": "5m"}, {}, False),
        ({"heartbeat": "5m", "severity": ["warning"]}, {}, True),
        ({}, {"inhibited_by": "other"}, False),
        ({}, {"silenced_until": Clock().now + timedelta(hours=1)}, False),
        ({}, {"state": "pending"}, False),
        ({}, {"state": "recovering"}, False),
    ],
)
def test_who_is_told_of_what(
    home: AlertHome, receiver: HttpReceiver, keys: dict[str, Any], changes: dict[str, Any], told: bool
) -> None:
    home.declare(channel("hook", receiver.url, **keys))
    home.fire(**changes)
    assert home.told() == (["firing"] if told else [])


def test_changes_are_told_once_and_by_what_they_are(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url), channel("pager", receiver.url, severity=["page"]))
    alert = home.fire()
    steps: list[tuple[str, dict[str, Any]]] = [
        ("", {}),  # also in another column: nothing that is told
        ("grew", {}),
        ("comment", {}),
        ("rise", {"severity": "page"}),
        ("news", {}),
        ("unsilence", {}),
        ("release", {}),
        ("", {"state": "resolved"}),
        ("return", {"state": "firing", "returns": 1}),
        ("unconfirmed", {"state": "resolved"}),
    ]
    for action, changes in steps:
        home.clock.forward(minutes=1)
        alert = home.move(alert, action, **changes)
    by_channel = {
        name: [item.payload["told"] for item in home.core.control.outbox_items(channel=name)]
        for name in ("hook", "pager")
    }
    assert by_channel == {
        "hook": ["firing", "rose", "more", "silence_over", "released", "resolved", "came_back"],
        "pager": ["firing", "more", "silence_over", "released", "resolved", "came_back"],
    }


def test_the_end_is_not_told_where_nobody_heard_of_the_beginning(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, severity=["page"]), channel("curt", receiver.url, resolved=False))
    alert = home.fire()
    home.move(alert, "", state="resolved")
    assert [(item.channel, item.payload["told"]) for item in home.core.control.outbox_items()] == [("curt", "firing")]


def test_while_nobody_takes_it_it_is_told_again(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, renotify="1d"), channel("once", receiver.url))
    alert = home.fire()
    home.attend()
    for _ in range(3):
        home.clock.forward(hours=13)
        home.attend()
        home.attend()
    assert home.told() == ["firing", "firing", "still"]
    assert [event.get("action") for event in home.core.control.alert(alert.id)["history"]] == ["", "renotify"]
    home.move(home.alert(alert.id), "", state="acknowledged")
    home.clock.forward(days=2)
    home.attend()
    assert home.told().count("still") == 1
    home.move(home.alert(alert.id), "grew", state="firing")
    home.workspace.silence(model="eta", ends=home.clock.now + timedelta(days=9), comment="holidays")
    home.clock.forward(days=3)
    home.attend()
    assert home.told().count("still") == 1
    assert len(set(receiver.keys())) == len(receiver.seen) == 3


def test_a_receiver_that_fails_is_tried_again_under_the_same_key(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url))
    receiver.status = 500
    home.fire()
    for _ in range(4):
        home.attend()
        home.attend()  # not due yet: no attempt
        home.clock.forward(minutes=10)
    receiver.status = 200
    home.attend()
    (view,) = home.workspace.deliveries()
    assert view["state"] == "sent"
    assert [attempt["ok"] for attempt in view["attempts"]] == [False] * 4 + [True]
    assert set(receiver.keys()) == {view["id"]}
    assert len(receiver.seen) == 5


def test_what_is_given_up_is_seen_and_can_be_sent_again(
    home: AlertHome, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    home.declare(channel("hook", receiver.url))
    receiver.status = 500
    home.fire()
    for _ in range(outbox.BACKOFF.attempts + 2):
        home.attend()
        home.clock.forward(hours=1, minutes=1)
    (failed,) = home.workspace.deliveries(state="failed")
    assert len(failed["attempts"]) == outbox.BACKOFF.attempts
    assert failed["next_attempt"] is None
    assert "is given up after 30 attempts" in caplog.text
    assert home.workspace.channels()[0]["failed"] == 1
    still = home.workspace.redeliver(failed["id"])
    assert (still["state"], len(still["attempts"])) == ("failed", outbox.BACKOFF.attempts + 1)
    receiver.status = 200
    assert home.workspace.redeliver(failed["id"], actor="ada")["state"] == "sent"
    assert set(receiver.keys()) == {failed["id"]}
    assert [row["actor"] for row in home.workspace.audit() if row["action"] == "redeliver"] == ["ada", "cli"]
    with pytest.raises(ConflictError, match="is sent"):
        home.workspace.redeliver(failed["id"])
    with pytest.raises(NotFoundError, match="no message 'none'"):
        home.workspace.redeliver("none")
    with pytest.raises(WorkspaceError, match="waiting, sent, failed"):
        home.workspace.deliveries(state="lost")


def test_no_secret_is_told_by_errors_logs_and_views(
    home: AlertHome, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HOOK", receiver.url)
    monkeypatch.setenv("KEY", "s3cret-key")
    service = f"json://bob:pa55word@127.0.0.1:{receiver.port}/T0psecret"
    home.declare(channel("hook", "${HOOK}", secret="${KEY}"), channel("chat", service), channel("plain", receiver.url))
    receiver.status = 500
    home.fire()
    home.attend()
    tests = [home.workspace.test_channel(name) for name in ("hook", "chat", "plain")]
    assert [done["ok"] for done in tests] == [False] * 3
    told = str([home.workspace.deliveries(), home.workspace.channels(), tests, home.workspace.audit()]) + caplog.text
    for secret in ("T0psecret", "hush-hush", "s3cret-key", "pa55word"):
        assert secret not in told
    assert "${HOOK}" in home.workspace.export()
    assert "answered 500 (no luck at" in told
    monkeypatch.delenv("KEY")
    assert "KEY is not set" in str(home.workspace.test_channel("hook")["error"])


def test_a_channel_that_hangs_keeps_no_other_waiting(home: AlertHome, receiver: HttpReceiver) -> None:
    with http_receiver() as stuck:
        stuck.free.clear()
        home.declare(channel("a", stuck.url), channel("b", receiver.url))
        home.fire()
        attend.attend(home.core)
        assert stuck.arrived.acquire(timeout=20)
        assert receiver.arrived.acquire(timeout=20)
        for number in range(1, 4):  # the stuck one is not called twice, the other goes on
            home.fire(number)
            attend.attend(home.core)
            assert receiver.arrived.acquire(timeout=20)
            assert home.core.postman.wait(20, "b")
        assert len(stuck.seen) == 1
        stuck.free.set()
        assert home.core.postman.wait(30)
        home.attend()
    assert set(home.states().values()) == {"sent"}
    assert len(set(stuck.keys())) == len(stuck.keys()) == 4


def test_the_end_waits_for_the_beginning(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url))
    receiver.status = 500
    alert = home.fire()
    home.attend()
    home.move(alert, "", state="resolved")
    home.fire(2)
    receiver.status = 200
    home.attend()
    assert [request.document["data"]["id"] for request in receiver.seen] == ["a0", "a2"]
    home.clock.forward(minutes=1)
    home.attend()
    assert [request.document["data"]["told"] for request in receiver.seen[2:]] == ["firing", "resolved"]


@pytest.mark.parametrize("step", [-timedelta(days=1), -timedelta(hours=1), timedelta(hours=1), timedelta(days=1)])
def test_a_clock_that_steps_loses_nothing_and_doubles_nothing(
    home: AlertHome, receiver: HttpReceiver, step: timedelta
) -> None:
    home.declare(channel("hook", receiver.url))
    receiver.status = 500
    home.fire()
    home.attend()
    home.fire(1)
    home.clock.now += step
    home.fire(2)
    receiver.status = 200
    for _ in range(3):
        home.clock.forward(minutes=70)
        home.attend()
    assert set(home.states().values()) == {"sent"}
    assert sorted(request.document["data"]["id"] for request in receiver.seen) == ["a0", "a0", "a1", "a2"]
    assert len(set(receiver.keys())) == 3


def test_a_channel_that_is_gone_is_given_up_aloud(
    home: AlertHome, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    home.declare(channel("hook", receiver.url))
    for number in range(3):
        home.fire(number)
    home.workspace.remove("channel", "hook", take_over=True)
    home.attend()
    assert {view["state"] for view in home.workspace.deliveries()} == {"failed"}
    assert "channel hook is declared no more: 3 messages to it are given up" in caplog.text
    with pytest.raises(NotFoundError, match="no channel 'hook'"):
        home.workspace.redeliver(home.workspace.deliveries()[0]["id"])
    assert receiver.seen == []


def test_what_is_queued_is_sent_by_whoever_opens_the_home_next(tmp_path: Path, receiver: HttpReceiver) -> None:
    with alert_home(tmp_path / "home") as home:
        home.declare(channel("hook", receiver.url))
        home.fire()
    assert receiver.seen == []
    with alert_home(tmp_path / "home") as home:
        home.attend()
    assert len(receiver.seen) == 1


def test_who_closes_the_home_waits_for_what_is_being_sent(tmp_path: Path, receiver: HttpReceiver) -> None:
    with alert_home(tmp_path / "home") as home:  # as `driftdeck run` does without a service
        home.declare(channel("hook", receiver.url))
        home.fire()
        receiver.free.clear()
        attend.attend(home.core)
        assert receiver.arrived.acquire(timeout=30)
        threading.Timer(0.5, receiver.free.set).start()
    with alert_home(tmp_path / "home") as home:
        assert set(home.states().values()) == {"sent"}
        home.attend()
    assert len(receiver.seen) == 1


def test_a_step_that_fails_keeps_none_of_the_others(
    home: AlertHome, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_core: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(attend, "STEPS", (fail, *attend.STEPS))
    home.declare(channel("hook", receiver.url))
    home.fire()
    home.attend()
    assert len(receiver.seen) == 1
    assert "oops" in caplog.text


@pytest.mark.slow
def test_five_hundred_alerts_reach_every_channel_through_everything(home: AlertHome) -> None:
    """One receiver refuses, one answers 500, one hangs for a while, one takes everything: none is lost, repeats carry their key."""
    with ExitStack() as stack:
        fine, broken, late, hung = (stack.enter_context(http_receiver()) for _ in range(4))
        home.declare(
            *(
                channel(name, made.url)
                for name, made in [("fine", fine), ("broken", broken), ("late", late), ("hung", hung)]
            )
        )
        broken.status = 500
        port, late.port = late.port, 1  # nobody listens there
        home.workspace.apply(channel("late", late.url))
        hung.free.clear()
        for number in range(500):
            home.fire(number)
        for _ in range(4):
            attend.attend(home.core)
            assert all(home.core.postman.wait(120, name) for name in ("fine", "broken", "late"))
            home.clock.forward(minutes=2)
        assert len(fine.seen) == 500
        assert 1 <= len(hung.seen) < 20
        assert home.core.control.outbox_counts()["late"].waiting == 500
        late.port, broken.status = port, 200
        home.workspace.apply(channel("late", late.url))
        hung.free.set()
        assert home.core.postman.wait(60)
        for _ in range(3):
            home.clock.forward(hours=2)
            home.attend(wait=120)
        assert set(home.states().values()) == {"sent"}
        every = {f"a{number}" for number in range(500)}
        for made in (fine, broken, late, hung):
            by_key = {request.headers["Idempotency-Key"]: request.document["data"]["id"] for request in made.seen}
            assert set(by_key.values()) == every
            assert len(by_key) == 500


def test_a_mail_comes_with_its_words_and_its_chart(home: AlertHome, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.local import pictures

    monkeypatch.setattr(pictures, "alert_picture", lambda _core, alert_id: b"\x89PNG " + alert_id.encode())
    monkeypatch.setenv("DRIFTDECK_PUBLIC_URL", "https://drift.example.com")
    with mail_receiver() as post:
        home.declare(channel("mail", post.url), channel("bare", post.url + "&cc=", picture=False))
        home.fire(headline="<b>distance</b> drifted")
        home.attend()
        assert set(home.states().values()) == {"sent"}, home.workspace.deliveries()
        mails = {
            len([part for part in mail.walk() if part.get_content_type() == "image/png"]): mail for mail in post.mails
        }
    assert sorted(mails) == [0, 1]
    parts = {part.get_content_type(): part for part in mails[1].walk()}
    assert parts["image/png"].get_payload(decode=True) == b"\x89PNG a0"
    html = str(parts["text/html"].get_payload(decode=True), "utf-8")  # type: ignore[arg-type]
    assert 'href="https://drift.example.com/alert?alert=a0"' in html
    assert "3 km higher" in html
    assert "distance" in str(make_header(decode_header(mails[1]["Subject"])))


def test_a_chart_that_cannot_be_drawn_keeps_no_message(home: AlertHome, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.local import pictures

    def fail(*_: object) -> bytes:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(pictures, "alert_picture", fail)
    with mail_receiver() as post:
        home.declare(channel("mail", post.url))
        home.fire()
        home.attend()
        assert len(post.mails) == 1


def test_what_happens_twice_at_one_time_is_told_twice(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url))
    alert = home.fire()
    for _ in range(2):  # of a clock that stands still, as a demo's does, or was put back
        home.move(alert, "", state="resolved")
        home.move(alert, "return")
    home.attend()
    assert home.told() == ["firing", "resolved", "came_back", "resolved", "came_back"]
    assert len(set(receiver.keys())) == len(receiver.seen) == 5


def test_a_clock_that_is_put_back_does_not_put_off_what_is_told_again(home: AlertHome, receiver: HttpReceiver) -> None:
    home.declare(channel("hook", receiver.url, renotify="4h"))
    home.fire()
    home.clock.forward(days=-2)
    home.attend()
    home.attend()
    assert home.told() == ["firing", "still"]
    home.clock.forward(hours=4)
    home.attend()
    assert home.told() == ["firing", "still", "still"]


def test_a_machine_out_of_threads_keeps_nothing_waiting_for_ever(
    home: AlertHome, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    home.declare(channel("hook", receiver.url))
    home.fire()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        home.attend()
        with pytest.raises(RuntimeError):
            home.workspace.start_run("eta")
    assert (receiver.seen, home.workspace.runs("eta")[0]["state"]) == ([], "failed")
    home.attend()
    home.workspace.run("eta")
    assert len(receiver.seen) == 1
    assert home.workspace.runs("eta")[0]["state"] == "done"
