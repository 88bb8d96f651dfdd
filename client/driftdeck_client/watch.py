"""The decorator: a predict function's inputs, output and latency, logged."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from driftdeck_client.client import Client

Function = TypeVar("Function", bound=Callable[..., Any])
Features = Sequence[str] | Callable[..., Mapping[str, Any]] | None
Output = Callable[[Any], Any] | None
Named = str | Callable[..., str | None] | None


def watched(
    client: Client, model: str, features: Features, output: Output, named: Named, model_version: str | None
) -> Callable[[Function], Function]:
    """Return the decorator; see :meth:`driftdeck_client.Client.watch`."""
    if isinstance(features, str):
        raise TypeError(f"features must be names in a list, or a function, not the text {features!r}")

    def decorate(function: Function) -> Function:
        import inspect  # here, for it is slow to import

        signature = inspect.signature(function)

        def record(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any, started: float) -> None:
            latency = (time.perf_counter() - started) * 1000
            try:
                bound = signature.bind(*args, **kwargs)
                bound.apply_defaults()
                given = dict(bound.arguments)
                name = named(*args, **kwargs) if callable(named) else given.pop(named, None) if named else None
                inputs = dict(features(*args, **kwargs)) if callable(features) else _inputs(given, features)
                if isinstance(named, str):
                    name = inputs.pop(named, name)
                row = {"prediction_id": name, **_told(result if output is None else output(result))}
                client.log(model, inputs, **row, latency_ms=latency, model_version=model_version)
            except Exception as error:
                client.record_error(error)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            result = function(*args, **kwargs)
            record(args, kwargs, result, started)
            return result

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            result = await function(*args, **kwargs)
            record(args, kwargs, result, started)
            return result

        return cast("Function", call_async if inspect.iscoroutinefunction(function) else call)

    return decorate


def _inputs(arguments: Mapping[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    found = {name: value for name, value in arguments.items() if name not in {"self", "cls"}}
    only = next(iter(found.values())) if len(found) == 1 else None
    if isinstance(only, Mapping):
        found = dict(only)
    elif names is not None:
        for value in [value for value in found.values() if isinstance(value, Mapping)]:
            found = {**value, **found}
    if names is None:
        return found
    lacking = [name for name in names if name not in found]
    if lacking:
        raise KeyError(f"no argument and no feature is called {lacking[0]!r}; there are {', '.join(map(str, found))}")
    return {name: found[name] for name in names}


def _told(result: Any) -> dict[str, Any]:
    """Return a result as keyword arguments of ``log``."""
    if not isinstance(result, Mapping):
        return {"prediction": result}
    if "prediction" not in result:
        raise KeyError(
            f"the result has no 'prediction' but {', '.join(map(str, result))}; give watch an output function"
        )
    kept = ("prediction", "score", "prediction_id")
    return {name: result[name] for name in kept if result.get(name) is not None or name == "prediction"}
