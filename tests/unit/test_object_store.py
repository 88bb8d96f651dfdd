"""Objects are read where they lie, against a stand-in of S3; what cannot be read is told in words."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer

from storage import object_store
from storage.file_formats import blocks
from storage.files import FileError, Reading, iter_batches, read_table, resolve

TABLE = {"a": [1, 2], "b": ["x", "y"]}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def options(endpoint: str) -> dict[str, str]:
    return {"endpoint_url": endpoint, "key": "somebody", "secret": "something", "region": "us-east-1"}


@pytest.fixture
def bucket(endpoint: str) -> Iterator[Any]:
    s3 = boto3.resource(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="somebody",
        aws_secret_access_key="something",
        region_name="us-east-1",
    )
    made = s3.create_bucket(Bucket="models")
    yield made
    made.objects.all().delete()
    made.delete()


def parquet(rows: int) -> bytes:
    sink = io.BytesIO()
    noise = np.random.default_rng(0).normal(size=rows)
    pq.write_table(pa.table({"n": range(rows), "noise": noise}), sink, row_group_size=5000)
    return sink.getvalue()


@pytest.mark.slow
def test_objects_patterns_and_folders_are_read(bucket: Any, options: dict[str, str]) -> None:
    bucket.put_object(Key="logs/day=1/a.csv", Body=b"a,b\n1,x\n")
    bucket.put_object(Key="logs/day=2/b.csv", Body=b"a,b\n2,y\n")
    reading = Reading(options=options)
    assert read_table("s3://models/logs/day=1/a.csv", reading=reading).table.to_pydict() == {"a": [1], "b": ["x"]}
    for address in ("s3://models/logs/*/*.csv", "s3://models/logs", "s3://models/logs/"):
        assert read_table(address, reading=reading).table.to_pydict() == TABLE
    found = resolve("s3://models/logs/**", options)
    assert found == ["s3://models/logs/day=1/a.csv", "s3://models/logs/day=2/b.csv"]


@pytest.mark.slow
def test_credentials_come_from_the_usual_variables(bucket: Any, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put_object(Key="a.jsonl", Body=b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n')
    for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "somebody", "SECRET_ACCESS_KEY": "s"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    assert [part.table.to_pydict() for part in iter_batches("s3://models/a.jsonl") if part.records] == [TABLE]


@pytest.mark.slow
def test_a_large_object_is_fetched_in_ranges_and_parquet_only_where_it_is_needed(
    bucket: Any, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_BLOCK", 1 << 16)
    monkeypatch.setattr(blocks, "SIZE", 1 << 17)
    content = b"n\n" + b"".join(b"%d\n" % n for n in range(200_000))
    bucket.put_object(Key="big.csv", Body=content)
    bucket.put_object(Key="big.parquet", Body=parquet(100_000))
    for name, rows in (("big.csv", 200_000), ("big.parquet", 100_000)):
        parts = list(iter_batches(f"s3://models/{name}", reading=Reading(options=options)))
        assert [n for part in parts for n in part.table["n"].to_pylist()] == list(range(rows))
    assert parts[-1].size == len(parquet(100_000))
    with object_store.open_object("s3://models/big.parquet", options) as file:
        pq.ParquetFile(file).read_row_group(0, ["n"])
        fetched = file.cache.total_requested_bytes if hasattr(file.cache, "total_requested_bytes") else file.loc
        assert fetched < file.size


@pytest.mark.slow
def test_an_object_written_anew_is_another(bucket: Any, options: dict[str, str]) -> None:
    reading = Reading(options=options)
    marks = []
    for rows in (10, 10, 11):
        bucket.put_object(Key="a.parquet", Body=parquet(rows))
        marks.append([part.mark for part in iter_batches("s3://models/a.parquet", reading=reading)])
    assert marks[2] != marks[0]
    bucket.put_object(Key="a.csv", Body=b"n\n1\n")
    first = [part.mark for part in iter_batches("s3://models/a.csv", reading=reading) if part.records]
    bucket.put_object(Key="a.csv", Body=b"n\n1\n")
    assert first == [part.mark for part in iter_batches("s3://models/a.csv", reading=reading) if part.records]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "given", "words"),
    [
        ("s3://models/absent.csv", {}, "no object matches 's3://models/absent.csv'"),
        ("s3://models/*.csv", {}, "no object matches"),
        ("s3://nobucket/a.csv", {}, "no object matches|cannot be read"),
        ("s3://models/a.csv", {"colour": "red"}, "has no option 'colour'; it has anon, endpoint_url, key"),
        ("s3://models/a.csv", {"endpoint_url": "http://127.0.0.1:9"}, "cannot be read .*credentials come from"),
        ("http://example.com/a.csv", {}, "web addresses are not fetched; download the file first, or pipe it"),
        ("memory://a.csv", {}, "no reading from memory://; give a path, or s3://, gs:// and az://"),
        ("ftp://host/a.csv", {}, "no reading from ftp://"),
    ],
)
def test_what_cannot_be_read_is_told_in_words(
    bucket: Any, options: dict[str, str], address: str, given: dict[str, str], words: str
) -> None:
    base = options if address.startswith("s3") else {}
    with pytest.raises(FileError, match=words):
        read_table(address, reading=Reading(options=base | given))


@pytest.mark.parametrize(
    ("scheme", "extra"), [("gs", "gcs"), ("gcs", "gcs"), ("az", "azure"), ("abfs", "azure"), ("s3", "s3")]
)
def test_a_missing_library_is_named_with_its_extra(scheme: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", gone)
    with pytest.raises(FileError, match=rf"install driftdeck\[{extra}\]"):
        read_table(f"{scheme}://bucket/a.csv")


@pytest.mark.parametrize(
    ("address", "given", "scheme", "arguments"),
    [
        ("gs://b/a", {"project": "p", "anon": "true"}, "gs", {"project": "p", "token": "anon"}),
        ("gcs://b/a", {"token": "key.json"}, "gs", {"token": "key.json"}),
        ("az://c/a", {"account_name": "n", "sas_token": "t"}, "abfs", {"account_name": "n", "sas_token": "t"}),
        ("s3a://b/a", {"anon": "no", "region": "x"}, "s3", {"anon": False, "client_kwargs": {"region_name": "x"}}),
    ],
)
def test_options_become_what_the_library_of_the_store_takes(
    address: str, given: dict[str, str], scheme: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def filesystem(name: str, **given: Any) -> Any:
        made.append((name, given))
        return MemoryFileSystem()

    monkeypatch.setattr("importlib.import_module", lambda name: name)
    monkeypatch.setattr(fsspec, "filesystem", filesystem)
    with pytest.raises(FileError, match="no object matches"):
        resolve(address, given)
    assert made == [(scheme, {"skip_instance_cache": True, "use_listings_cache": False, **arguments})]
