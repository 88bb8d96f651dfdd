"""A topic at brokers that speak Kafka's protocol. Offsets are kept with the rows, and told to the brokers afterwards."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from reference_data.declaration import Source
from storage.sources import (
    Chunk,
    Context,
    Position,
    Positions,
    SourceError,
    SourceKind,
    TransientSourceError,
    driver_options,
    masked,
    option_duration,
    scrubbed,
    secrets_of,
)

_log = logging.getLogger(__name__)
_SECONDS = "60s"  # the longest that one run listens; what is there when it starts ends it earlier
_POLL = 0.5  # seconds
_ANSWER = 15.0  # seconds that brokers have to answer
_SHOWN = 1000  # characters of a message that could not be read
_EXPECTED = 'JSON: one row, or {"rows": […]}'


def read(source: Source, positions: Positions, context: Context) -> Iterator[Chunk]:
    """Yield what the partitions hold beyond ``positions``, until all that was there at the start is read or the time is over."""
    kafka = _library()
    secrets = secrets_of(source)
    try:
        with closing(kafka.Consumer(_configuration(source))) as consumer:
            wanted = _assign(source, consumer, kafka, positions)
            yield from _poll(source, consumer, kafka, wanted, context)
    except kafka.KafkaException as error:
        raise _in_words(source, error.args[0], secrets) from None
    except ValueError as error:  # a configuration that the library does not take
        raise SourceError(f"{place(source)}: {scrubbed(str(error), secrets)}; check the options") from None


def _library() -> Any:
    try:
        import confluent_kafka
    except ImportError:
        raise SourceError("message streams need an extra; pip install 'driftdeck[kafka]'") from None
    return confluent_kafka


def _configuration(source: Source) -> dict[str, Any]:
    return {
        "bootstrap.servers": source.connection,
        "group.id": f"driftdeck-{source.name}",
        "auto.offset.reset": "earliest",
        "log_level": 0,
        **driver_options(source, SOURCE),
        "enable.auto.commit": False,  # an offset is told once its rows are safe, whatever the options say
        "enable.auto.offset.store": False,
        "enable.partition.eof": False,
    }


def _assign(source: Source, consumer: Any, kafka: Any, positions: Positions) -> dict[int, tuple[int, int]]:
    """Take every partition from where it was left; returns by partition the next offset and the one behind the last there is now."""
    topic = consumer.list_topics(source.topic, timeout=_ANSWER).topics[source.topic]
    if topic.error is not None:
        raise kafka.KafkaException(topic.error)
    if not topic.partitions:
        raise SourceError(f"{place(source)}: there is no such topic; check its name")
    wanted: dict[int, tuple[int, int]] = {}
    latest = source.options.get("auto.offset.reset") in {"latest", "largest", "end"}
    for number in sorted(topic.partitions):
        low, high = consumer.get_watermark_offsets(kafka.TopicPartition(source.topic, number), timeout=_ANSWER)
        start = _start(source, number, positions.get(_part(number)), low, high, latest=latest)
        wanted[number] = (start, high)
    consumer.assign([kafka.TopicPartition(source.topic, number, start) for number, (start, _) in wanted.items()])
    return wanted


def _part(number: int) -> str:
    return f"partition {number}"


def _start(source: Source, number: int, position: Position | None, low: int, high: int, *, latest: bool) -> int:
    if position is None:
        return high if latest else low
    offset = int(position["offset"])
    if low <= offset <= high:
        return offset
    what = f"offsets {offset} to {low - 1} are gone from the brokers" if offset < low else "the topic was made anew"
    _log.warning("source %s, %s: %s; it goes on at %d", source.name, _part(number), what, low)
    return low


def _poll(
    source: Source, consumer: Any, kafka: Any, wanted: dict[int, tuple[int, int]], context: Context
) -> Iterator[Chunk]:
    deadline = (
        time.monotonic() + max(option_duration(source, "seconds", _SECONDS), timedelta(seconds=1)).total_seconds()
    )
    reached = {number: start for number, (start, _) in wanted.items()}
    silent_until = time.monotonic() + _ANSWER
    while any(reached[number] < high for number, (_, high) in wanted.items()):
        now = time.monotonic()
        if now >= deadline or context.stopping():
            return
        messages = consumer.consume(min(source.chunk_rows, 1_000_000), _POLL)
        for message in messages:
            if message.error() is not None:
                raise kafka.KafkaException(message.error())
        if messages:
            silent_until = now + _ANSWER
        elif now >= silent_until:
            raise TransientSourceError(f"{place(source)}: the brokers are silent for {_ANSWER:g} s; it may pass")
        else:
            _skip_what_is_no_message(consumer, kafka, source, reached)
        batches: dict[int, _Batch] = {}
        for message in messages:
            batches.setdefault(message.partition(), _Batch()).add(message)
        for number, batch in sorted(batches.items()):
            reached[number] = batch.next_offset
            yield batch.chunk(source, number, consumer, kafka)


def _skip_what_is_no_message(consumer: Any, kafka: Any, source: Source, reached: dict[int, int]) -> None:
    """Marks of transactions take offsets too, and are never handed out: where the consumer stands counts."""
    for entry in consumer.position([kafka.TopicPartition(source.topic, number) for number in reached]):
        reached[entry.partition] = max(reached[entry.partition], entry.offset)


@dataclass(slots=True)
class _Batch:
    """The messages of one partition in one answer."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    first_offset: int = -1
    next_offset: int = 0

    def add(self, message: Any) -> None:
        offset = message.offset()
        self.first_offset = offset if self.first_offset < 0 else self.first_offset
        self.next_offset = offset + 1
        value = message.value()
        if value is None:  # a tombstone says that something is gone, and no row
            return
        try:
            self.rows += _rows(json.loads(value))
        except (ValueError, RecursionError) as error:
            words = str(error) or "it is nested too deeply"
            self.refused.append(
                {
                    "row": len(self.refused),
                    "field": "message",
                    "value": f"{_part(message.partition())}, offset {offset}",
                    "error": f"the message is not understood: {words}",
                    "expected": _EXPECTED,
                    "line": offset,
                    "content": value[: 4 * _SHOWN]
                    .decode("utf-8", "replace")
                    .replace("\x00", "\N{REPLACEMENT CHARACTER}")[:_SHOWN],
                }
            )

    def chunk(self, source: Source, number: int, consumer: Any, kafka: Any) -> Chunk:
        behind = self.next_offset

        def acknowledge() -> None:
            try:
                consumer.commit(offsets=[kafka.TopicPartition(source.topic, number, behind)], asynchronous=False)
            except (
                kafka.KafkaException
            ) as error:  # only for others to see: the offset that counts is kept with the rows
                _log.warning("source %s: the brokers did not take note of an offset: %s", source.name, error)

        where = f"{source.topic}, {_part(number)}, offsets {self.first_offset} to {behind - 1}"
        return Chunk(self.rows, _part(number), {"offset": behind}, where, self.refused, acknowledge)


def _rows(content: Any) -> list[dict[str, Any]]:
    rows = content["rows"] if isinstance(content, dict) and isinstance(content.get("rows"), list) else content
    rows = rows if isinstance(rows, list) else [rows]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"it is no object with fields; expected is {_EXPECTED}")
    return rows


def _in_words(source: Source, error: Any, secrets: set[str]) -> SourceError:
    kind = TransientSourceError if error.retriable() or not error.fatal() else SourceError
    return kind(f"{place(source)}: {scrubbed(error.str(), secrets)} ({error.name()})")


def place(source: Source) -> str:
    """Return topic and brokers."""
    return f"{source.topic} at {masked(source.connection or '')}"


def words(source: Source, positions: Positions) -> str | None:
    """Return the next offset of each partition."""
    del source
    found = [f"{part}: {positions[part]['offset']}" for part in sorted(positions, key=lambda part: (len(part), part))]
    shown = ", ".join(found[:6]) + (f" and {len(found) - 6} more" if len(found) > 6 else "")
    return shown or None


SOURCE = SourceKind("stream", "topic", read, place, words, frozenset({"seconds"}))
