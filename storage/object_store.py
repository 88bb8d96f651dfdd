"""Objects in S3, Google Cloud Storage and Azure, through fsspec: listed, and read in ranges as they are needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from storage.file_formats.errors import FileError, shorten

Options = Mapping[str, str]
_BLOCK = 8 << 20  # bytes of one request


@dataclass(frozen=True, slots=True)
class Store:
    """One kind of object store. ``options`` are the words it takes; ``arguments`` turns them into fsspec's."""

    scheme: str
    extra: str
    module: str
    options: tuple[str, ...]
    arguments: Callable[[dict[str, Any]], dict[str, Any]]
    environment: str


def _s3(given: dict[str, Any]) -> dict[str, Any]:
    region = given.pop("region", None)
    return given | ({"client_kwargs": {"region_name": region}} if region else {})


def _gcs(given: dict[str, Any]) -> dict[str, Any]:
    return given | ({"token": "anon"} if given.pop("anon", False) else {})


_S3 = Store(
    "s3",
    "s3",
    "s3fs",
    ("anon", "endpoint_url", "key", "profile", "region", "secret", "token"),
    _s3,
    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_ENDPOINT_URL",
)
_GCS = Store("gs", "gcs", "gcsfs", ("anon", "endpoint_url", "project", "token"), _gcs, "GOOGLE_APPLICATION_CREDENTIALS")
_AZURE = Store(
    "abfs",
    "azure",
    "adlfs",
    (
        "account_host",
        "account_key",
        "account_name",
        "anon",
        "client_id",
        "client_secret",
        "connection_string",
        "sas_token",
        "tenant_id",
    ),
    dict,
    "AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY",
)
_STORES = {"s3": _S3, "s3a": _S3, "gs": _GCS, "gcs": _GCS, "az": _AZURE, "abfs": _AZURE, "abfss": _AZURE}
_OFFERED = "s3://, gs:// and az:// (or abfs://)"


def is_address(text: str) -> bool:
    """Whether this is an address with a scheme, and no path."""
    scheme, found, _ = text.partition("://")
    return bool(found) and scheme.isascii() and scheme.replace("+", "").isalnum()


def open_object(address: str, options: Options) -> Any:
    """Open one object; what is read is fetched in ranges of some megabytes."""
    system, path = _connect(address, options)
    return system.open(path, "rb", block_size=_BLOCK, cache_type="readahead")


def identity(address: str, options: Options) -> tuple[int, str]:
    """Return the size of an object, and what changes when it is written anew."""
    system, path = _connect(address, options)
    info = system.info(path)
    stamp = next((str(info[name]) for name in ("ETag", "etag", "LastModified", "updated") if info.get(name)), "")
    return int(info.get("size") or 0), stamp


def find(address: str, options: Options) -> list[str]:
    """Return the addresses of the objects that a pattern, a folder or a name stands for, in order.

    Raises :class:`FileError` for a scheme, an option or a library that there is not, and for a pattern that nothing matches.
    """
    try:
        system, path = _connect(address, options)
        scheme = address.partition("://")[0]
        if any(sign in path for sign in "*?["):
            found = [name for name, entry in system.glob(path, detail=True).items() if entry["type"] == "file"]
        elif not path.endswith("/") and system.isfile(path):
            return [address]
        else:
            found = system.find(path)
    except FileError:
        raise
    except Exception as error:
        raise FileError(words(address, error)) from None
    if not found:
        raise FileError(
            f"no object matches {address!r}; check bucket and name, and give a pattern such as 's3://bucket/day=*/*.parquet'"
        )
    return [f"{scheme}://{name}" for name in sorted(found)]


def words(address: str, error: Exception) -> str:
    """Return what to say of an error of the store's library."""
    store = _STORES.get(address.partition("://")[0])
    where = (
        f"; credentials come from --option NAME=VALUE ({', '.join(store.options)}) or from {store.environment}"
        if store
        else ""
    )
    what = shorten(error, 160) or type(error).__name__
    return f"{address}: cannot be read ({type(error).__name__}: {what}){where}"


def _connect(address: str, options: Options) -> tuple[Any, str]:
    scheme, _, path = address.partition("://")
    if scheme in ("http", "https"):
        raise FileError(
            f"{shorten(address, 200)!r}: web addresses are not fetched; download the file first, or pipe it: "
            "curl -sSL ADDRESS | driftdeck log MODEL -"
        )
    store = _STORES.get(scheme)
    if store is None:
        raise FileError(f"{shorten(address, 200)!r}: there is no reading from {scheme}://; give a path, or {_OFFERED}")
    unknown = sorted(set(options) - set(store.options))
    if unknown:
        raise FileError(f"{scheme}:// has no option {', '.join(map(repr, unknown))}; it has {', '.join(store.options)}")
    given: dict[str, Any] = {name: value for name, value in options.items() if name != "anon"}
    if "anon" in options:
        given["anon"] = options["anon"].strip().lower() in ("1", "true", "yes", "on")
    try:
        importlib.import_module(store.module)
    except ImportError:
        raise FileError(f"{scheme}:// needs the package {store.module}; install driftdeck[{store.extra}]") from None
    import fsspec

    # neither an instance nor a listing of an earlier call: objects come and go, and credentials change
    system = fsspec.filesystem(
        store.scheme, skip_instance_cache=True, use_listings_cache=False, **store.arguments(given)
    )
    return system, path
