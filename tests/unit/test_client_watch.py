"""The decorator logs what a predict function was given and answered, and is otherwise not there."""

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from driftdeck_client import Client
from tests.support.log_server import LogServer


class Logged:
    """A client and, after a flush, the rows it sent."""

    def __init__(self, server: LogServer) -> None:
        self._server = server
        self.client = Client(server.url, flush_seconds=600)

    def rows(self) -> list[dict[str, Any]]:
        assert self.client.flush(60)
        return self._server.stored.get("eta/logs", [])


@pytest.fixture
def logged() -> Iterator[Logged]:
    with LogServer() as server:
        found = Logged(server)
        yield found
        found.client.close()


def test_a_mapping_is_the_features(logged: Logged) -> None:
    @logged.client.watch("eta", model_version="v7")
    def predict(features: dict[str, float]) -> float:
        """Double it."""
        return features["x"] * 2

    assert predict({"x": 2.0}) == 4.0
    assert predict.__doc__ == "Double it."
    (row,) = logged.rows()
    assert row["features"] == {"x": 2.0}
    assert row["prediction"] == 4.0
    assert row["model_version"] == "v7"
    assert row["latency_ms"] >= 0
    assert len(row["prediction_id"]) == 36


def test_arguments_are_the_features_by_name(logged: Logged) -> None:
    class Model:
        @logged.client.watch("eta")
        def predict(self, distance: float, city: str = "Berlin", **more: Any) -> Any:
            return np.array([distance])

    Model().predict(2.0)
    Model().predict(3.0, city="Łódź")
    assert [row["features"]["city"] for row in logged.rows()] == ["Berlin", "Łódź"]
    assert [row["features"]["distance"] for row in logged.rows()] == [2.0, 3.0]
    assert [row["prediction"] for row in logged.rows()] == [2.0, 3.0]


def test_features_may_be_chosen_by_name_or_made(logged: Logged) -> None:
    @logged.client.watch("eta", ["x", "hour"])
    def named(row: dict[str, Any], hour: int, session: object) -> float:
        return 1.0

    @logged.client.watch("eta", lambda *, text: {"length": len(text)})
    def made(*, text: str) -> float:
        return 2.0

    named({"x": 1, "secret": "s"}, 5, object())
    made(text="four")
    assert [row["features"] for row in logged.rows()] == [{"x": 1, "hour": 5}, {"length": 4}]


def test_an_id_is_taken_from_argument_feature_or_result(logged: Logged) -> None:
    @logged.client.watch("eta", prediction_id="request")
    def by_argument(request: str, features: dict[str, Any]) -> float:
        return 1.0

    @logged.client.watch("eta", prediction_id="key")
    def by_feature(features: dict[str, Any]) -> float:
        return 1.0

    @logged.client.watch("eta")
    def by_result(features: dict[str, Any]) -> dict[str, Any]:
        return {"prediction": "yes", "score": 0.9, "prediction_id": "c", "trace": "left out"}

    by_argument("a", {"x": 1})
    by_feature({"x": 1, "key": "b"})
    by_result({"x": 1})
    rows = logged.rows()
    assert [row["prediction_id"] for row in rows] == ["a", "b", "c"]
    assert [row["features"] for row in rows] == [{"x": 1}] * 3
    assert (rows[2]["prediction"], rows[2]["score"]) == ("yes", 0.9)


def test_a_result_may_be_read_by_a_function(logged: Logged) -> None:
    @logged.client.watch("eta", output=lambda result: {"prediction": result[0], "score": result[1]})
    def predict(x: float) -> tuple[str, float]:
        return "yes", 0.7

    assert predict(1.0) == ("yes", 0.7)
    (row,) = logged.rows()
    assert (row["prediction"], row["score"]) == ("yes", 0.7)


def test_async_functions_stay_async(logged: Logged) -> None:
    @logged.client.watch("eta")
    async def predict(x: float) -> float:
        await asyncio.sleep(0)
        return x

    assert inspect.iscoroutinefunction(predict)
    assert asyncio.run(predict(3.0)) == 3.0
    assert [row["prediction"] for row in logged.rows()] == [3.0]


def test_an_exception_passes_untouched_and_nothing_is_logged(logged: Logged) -> None:
    wrong = LookupError("no such city")

    @logged.client.watch("eta")
    def predict(x: float) -> float:
        raise wrong

    @logged.client.watch("eta")
    async def later(x: float) -> float:
        raise wrong

    with pytest.raises(LookupError) as caught:
        predict(1.0)
    assert caught.value is wrong
    with pytest.raises(LookupError) as caught:
        asyncio.run(later(1.0))
    assert caught.value is wrong
    assert logged.rows() == []
    assert logged.client.stats().errors == 0


def test_what_fails_in_logging_is_counted_and_the_answer_given(logged: Logged) -> None:
    @logged.client.watch("eta", ["x", "y"])
    def lacking(x: float) -> float:
        return x

    @logged.client.watch("eta")
    def odd(x: float) -> dict[str, float]:
        return {"eta": x}

    @logged.client.watch("eta", lambda x: {"x": 1 // 0})
    def broken(x: float) -> float:
        return x

    assert lacking(1.0) == 1.0
    assert "no argument and no feature is called 'y'" in str(logged.client.stats().last_error)
    assert odd(1.0) == {"eta": 1.0}
    assert "the result has no 'prediction' but eta" in str(logged.client.stats().last_error)
    assert broken(1.0) == 1.0
    assert logged.client.stats().errors == 3
    assert logged.rows() == []


def test_one_name_is_not_taken_for_a_list_of_letters(logged: Logged) -> None:
    with pytest.raises(TypeError, match="features must be names in a list"):
        logged.client.watch("eta", "x")
