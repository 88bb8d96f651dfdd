"""Files that wait to be set up: several at once, hostile ones among them."""

import io
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from anyio import CapacityLimiter

from service import comparing_process
from service.api.admission import Admission
from service.api.errors import ApiError
from service.local import LocalWorkspace, kept_uploads
from service.workspace import ConflictError
from tests.support.guarded import BASE, Guarded, guarded

ROWS = b"id,amount\n" + b"".join(b"%d,%d\n" % (number, number * 37 % 1009) for number in range(200))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Guarded]:
    with guarded(tmp_path / "home") as found:
        yield found


class Slow(io.BytesIO):
    """A file during whose reading another one is dropped."""

    def __init__(self, workspace: LocalWorkspace) -> None:
        super().__init__(ROWS)
        self._workspace = workspace

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if found:
            self._workspace.keep_upload(io.BytesIO(ROWS), name="other.csv")
        return found


@pytest.mark.slow
def test_a_file_that_is_being_taken_in_is_not_tidied_away_by_another(home: Guarded) -> None:
    kept = home.workspace.keep_upload(Slow(home.workspace), name="mine.csv")
    assert home.workspace.propose(kept["id"])["rows"] == 200


def test_a_file_that_is_being_set_up_stays_however_many_come_after_it(home: Guarded) -> None:
    first = home.workspace.keep_upload(io.BytesIO(ROWS), name="first.csv")
    core = home.workspace.core
    with kept_uploads.in_use(kept_uploads.folder(core, first["id"])):
        for number in range(10):
            home.clock.forward(minutes=1)
            home.workspace.keep_upload(io.BytesIO(ROWS), name=f"{number}.csv")
        assert kept_uploads.folder(core, first["id"]).exists()
    home.clock.forward(days=2)
    home.workspace.keep_upload(io.BytesIO(ROWS), name="last.csv")
    assert len(list((core.home.root / "uploads").iterdir())) == 1


def test_no_more_files_are_taken_in_at_once_than_are_kept(home: Guarded, tmp_path: Path) -> None:
    held = [kept_uploads.in_use(tmp_path / str(number)) for number in range(8)]
    for each in held:
        each.__enter__()
    try:
        with pytest.raises(ConflictError, match="try again"):
            home.workspace.keep_upload(io.BytesIO(ROWS), name="ninth.csv")
    finally:
        for each in held:
            each.__exit__(None, None, None)


@pytest.mark.slow
def test_one_huge_value_is_neither_kept_as_a_category_nor_sent_to_a_page(home: Guarded) -> None:
    kept = home.workspace.keep_upload(io.BytesIO(b"a,b\n" + b"x" * 3_000_000 + b",1\n" + b"y,2\n" * 50), name="h.csv")
    found = home.workspace.propose(kept["id"])
    assert len(str(found)) < 50_000
    assert (kept_uploads.folder(home.workspace.core, kept["id"]) / "facts.json").stat().st_size < 50_000


def test_readers_of_strangers_files_know_no_secret_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTDECK_TOKEN", "the operator's own")
    monkeypatch.setenv("DRIFTDECK_OIDC_CLIENT_SECRET", "the provider's")
    found = comparing_process.surroundings()
    assert found["PATH"] == os.environ["PATH"]
    assert not [name for name in found if "DRIFTDECK" in name]


def test_who_may_not_upload_is_turned_away_before_a_byte_is_taken_in(home: Guarded) -> None:
    taken: list[str] = []
    home.workspace.keep_upload = lambda *_, **__: taken.append("called")  # type: ignore[method-assign, assignment]
    answer = home.client("vera").post("/api/v1/set-ups", content=b"x" * 1000, headers={"origin": BASE})
    assert answer.status_code == 403
    assert "keeping an upload" in answer.json()["error"], "by the route, before the body was read"
    assert not taken


async def _fill(admission: Admission) -> list[Any]:
    held = [admission.compare() for _ in range(4)]
    for each in held:
        each.__enter__()
    return held


@pytest.mark.anyio
async def test_comparisons_beyond_a_few_are_sent_away_instead_of_taking_every_thread() -> None:
    admission = Admission(1)
    assert isinstance(admission.compared, CapacityLimiter)
    held = await _fill(admission)
    with pytest.raises(ApiError, match="comparisons are under way") as refused, admission.compare():
        pass
    assert refused.value.status == 429
    held.pop().__exit__(None, None, None)
    with admission.compare():
        pass


_FORM = b'--x\r\ncontent-disposition: form-data; name="reference"; filename="a.csv"\r\n\r\n' + ROWS + b"\r\n--x--\r\n"


async def _begun(begun: anyio.Event, go: anyio.Event) -> AsyncIterator[bytes]:
    """The body of a form of which the first half has come."""
    yield _FORM[:100]
    begun.set()
    await go.wait()
    yield _FORM[100:]


@pytest.mark.anyio
async def test_whoever_sends_slowly_keeps_nobody_else_from_comparing(home: Guarded) -> None:
    home.workspace.compare_files = lambda *_, **__: {}  # type: ignore[method-assign, assignment]
    slow, quick = ({**home.bearer("read"), "content-type": "multipart/form-data; boundary=x"} for _ in range(2))
    begun, go = [anyio.Event() for _ in range(4)], anyio.Event()
    answers: list[int] = []
    transport = httpx.ASGITransport(home.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client, anyio.create_task_group() as group:

        async def send(headers: dict[str, str], body: AsyncIterator[bytes] | bytes) -> int:
            answer = await client.post("/api/v1/compare", content=body, headers=headers)
            answers.append(answer.status_code)
            return answer.status_code

        for each in begun:
            group.start_soon(send, slow, _begun(each, go))
        for each in begun:
            await each.wait()
        refused = await client.post("/api/v1/compare", content=_FORM, headers=slow)
        assert refused.status_code == 429
        assert "4 of your uploads" in refused.json()["error"]
        assert refused.headers["retry-after"]
        sent = await send(quick, _FORM)
        go.set()
        assert sent != 429, "another caller's files are not held up by them"
    admission = home.api.state.admission
    assert admission._arriving == {}
    assert admission.compared.borrowed_tokens == 0
    assert len(answers) == 5
    assert 429 not in answers
