from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from schemas.errors import (
    AlreadyExistsError,
    InvalidRequestError,
    ObjectMissingError,
    ResourceLimitError,
    StorageFullError,
    UnavailableError,
)
from services.runtime.objects import ObjectStore, _storage_errors
from services.runtime.settings import RuntimeSettings

DATA = bytes(range(256)) * 9000


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """A local store, and one behind an fsspec driver that is not local."""
    if request.param == "file":
        yield ObjectStore((tmp_path / "a store").as_uri(), scratch_dir=str(tmp_path))
    else:
        fsspec.filesystem("memory").store.clear()
        yield ObjectStore("memory://bucket/prefix", scratch_dir=str(tmp_path))
        fsspec.filesystem("memory").store.clear()


def test_what_is_put_comes_back(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(DATA)
    ref = store.put_file(source, store.join("", "site", "case", "video.mp4"), "video/mp4")
    assert ref.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (ref.size_bytes, ref.media_type) == (len(DATA), "video/mp4")
    with store.local(ref) as path:
        assert path.read_bytes() == DATA
    assert store.read_bytes(ref) == DATA
    assert b"".join(store.read_range(ref, 1000, 1500000)) == DATA[1000:1500000]
    assert b"".join(store.read_range(ref, 7, 7)) == b""


def test_a_later_object_replaces_an_earlier_one(store: ObjectStore) -> None:
    uri = store.join(store.root, "k")
    store.put_bytes(b"one", uri, "text/plain")
    assert store.read_bytes(store.put_bytes(b"two", uri, "text/plain")) == b"two"


def test_an_object_can_be_kept_from_being_replaced(store: ObjectStore) -> None:
    uri = store.join("", "k")
    first = store.put_bytes(b"one", uri, "text/plain", replace=False)
    with pytest.raises(AlreadyExistsError, match="already an object"):
        store.put_bytes(b"two", uri, "text/plain", replace=False)
    assert store.read_bytes(first) == b"one"


def test_deleting_twice_is_no_error(store: ObjectStore) -> None:
    ref = store.put_bytes(b"one", store.join("", "a", "k"), "text/plain")
    assert store.exists(ref.uri)
    store.delete(ref.uri)
    store.delete(ref.uri)
    assert not store.exists(ref.uri)


def test_a_missing_object_is_said_to_be_missing(store: ObjectStore) -> None:
    ref = store.put_bytes(b"one", store.join("", "k"), "text/plain")
    store.delete(ref.uri)
    for read in (store.read_bytes, lambda r: list(store.read_range(r, 0, 1)), lambda r: store.local(r).__enter__()):
        with pytest.raises(ObjectMissingError, match="there is no object"):
            read(ref)


def test_a_changed_object_is_noticed(store: ObjectStore) -> None:
    ref = store.put_bytes(b"one", store.join("", "k"), "text/plain")
    store.put_bytes(b"two", ref.uri, "text/plain")
    for read in (store.read_bytes, lambda r: store.local(r).__enter__()):
        with pytest.raises(ObjectMissingError, match="checksum"):
            read(ref)
    store.put_bytes(b"longer", ref.uri, "text/plain")
    for read in (store.read_bytes, lambda r: list(store.read_range(r, 0, 1)), lambda r: store.local(r).__enter__()):
        with pytest.raises(ObjectMissingError, match="6 bytes where 3"):
            read(ref)


def test_by_size_only_a_changed_object_of_equal_length_passes(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path.as_uri(), verify="size")
    ref = store.put_bytes(b"one", store.join("", "k"), "text/plain")
    store.put_bytes(b"two", ref.uri, "text/plain")
    with store.local(ref) as path:
        assert path.read_bytes() == b"two"


def test_a_range_outside_the_object_is_refused(store: ObjectStore) -> None:
    ref = store.put_bytes(b"one", store.join("", "k"), "text/plain")
    for start, end in ((-1, 2), (0, 4), (2, 1)):
        with pytest.raises(InvalidRequestError, match="outside the object's 3 bytes"):
            store.read_range(ref, start, end)


@pytest.mark.parametrize(
    "segment", ["..", ".", "", "a/../b", "/etc", ".hidden", "a b", "a\x00b", "a%2e", "ä", "a\\b", "~"]
)
def test_segments_that_could_lead_astray_are_refused(store: ObjectStore, segment: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be part of an object's address"):
        store.join(store.root, segment)


def test_addresses_outside_the_root_are_refused(store: ObjectStore, tmp_path: Path) -> None:
    ref = store.put_bytes(b"one", store.join("", "k"), "text/plain")
    for uri in (f"{store.root}/../k", f"{store.root}2/k", "file:///etc/passwd", store.root, f"{store.root}/a//b", "k"):
        with pytest.raises(InvalidRequestError, match="not under this store's root"):
            store.read_bytes(replace(ref, uri=uri))
        with pytest.raises(InvalidRequestError, match="not under this store's root"):
            store.put_bytes(b"x", uri, "text/plain")
        with pytest.raises(InvalidRequestError, match="not under this store's root"):
            store.delete(uri)
    with pytest.raises(InvalidRequestError, match="not under this store's root"):
        store.join("file:///elsewhere", "k")


def test_links_out_of_the_root_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    store = ObjectStore((tmp_path / "store").as_uri())
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "out").symlink_to(tmp_path)
    with pytest.raises(InvalidRequestError, match="leads out of this store's root"):
        store.exists(store.root + "/out/secret")


@pytest.mark.parametrize("root", ["", "/folder", "file://host/folder", "file:relative"])
def test_roots_that_are_none_are_refused(root: str) -> None:
    with pytest.raises(InvalidRequestError, match="is no object store"):
        ObjectStore(root)


def test_a_source_that_breaks_off_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield DATA
        raise RuntimeError("the sender went away")

    uri = store.join("", "folder", "k")
    with pytest.raises(RuntimeError, match="went away"):
        store.put_stream(chunks(), uri, "text/plain")
    assert not store.exists(uri)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StorageFullError),
        (errno.EDQUOT, StorageFullError),
        (errno.EFBIG, ResourceLimitError),
        (errno.EIO, UnavailableError),
    ],
)
def test_what_the_disk_says_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    store = ObjectStore(tmp_path.as_uri())

    def fail(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error):
        store.put_bytes(b"x", store.join("", "k"), "text/plain")
    assert list(tmp_path.iterdir()) == []


def test_a_truly_full_disk_is_a_storage_full_error() -> None:
    # /dev/full refuses every byte, as a full disk does
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(StorageFullError), _storage_errors("uri"):
        full.write(b"x")


def test_readers_never_see_half_an_object(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path.as_uri())
    uri = store.join("", "k")
    refs = [store.put_bytes(bytes([value]) * 200_000, uri, "x/y") for value in (1, 2)]
    wrong: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            content = (tmp_path / "k").read_bytes()
            if len(content) != 200_000 or len(set(content)) != 1:
                wrong.append(len(content))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        for ref in refs:
            store.put_bytes(bytes([1 + refs.index(ref)]) * 200_000, uri, "x/y")
    stop.set()
    reader.join()
    assert wrong == []


def test_what_a_killed_writer_left_is_removed_later(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path.as_uri())
    source = (
        "import os, sys\nfrom services.runtime.objects import ObjectStore\nstore = ObjectStore(sys.argv[1])\n"
        "def chunks():\n yield b'half'\n os.kill(os.getpid(), 9)\n"
        "store.put_stream(chunks(), store.join('', 'case', 'k'), 'x/y')"
    )
    assert subprocess.run([sys.executable, "-c", source, store.root], check=False).returncode == -9
    kept = store.put_bytes(b"whole", store.join("", "case", "other"), "x/y")
    assert not store.exists(store.join("", "case", "k"))
    assert store.remove_leftovers(3600) == 0
    assert store.remove_leftovers(0) == 1
    assert [path.name for path in (tmp_path / "case").iterdir()] == ["other"]
    assert store.read_bytes(kept) == b"whole"


def test_the_store_comes_from_the_settings(tmp_path: Path) -> None:
    store = ObjectStore.from_settings(RuntimeSettings(object_store=tmp_path.as_uri() + "/"))
    assert store.root == tmp_path.as_uri()


def test_no_driver_is_imported_for_a_local_store() -> None:
    code = "import sys, services.runtime.objects as o; o.ObjectStore('file:///x'); print('fsspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.split() == [b"False"]


def test_what_lies_under_a_prefix_is_listed(store: ObjectStore) -> None:
    for name in ("a/run/one", "a/run/deep/two", "a/runner/three"):
        store.put_bytes(b"x", store.join("", name), "text/plain")
    assert store.under(store.join("", "a", "run")) == [
        store.join("", "a/run/deep/two"),
        store.join("", "a/run/one"),
    ]
    assert store.under(store.join("", "nothing-here")) == []
    with pytest.raises(InvalidRequestError):
        store.under("file:///elsewhere")


def test_an_s3_server_that_is_away_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "ENDPOINT_URL": "http://127.0.0.1:1",
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "MAX_ATTEMPTS": "1",
    }
    for name, value in {**settings, "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    store = ObjectStore("s3://bucket/root")
    for attempt in (
        lambda: store.exists("s3://bucket/root/a"),
        lambda: store.put_bytes(b"a", "s3://bucket/root/a", "a/b"),
    ):
        with pytest.raises(UnavailableError, match="the object store failed at s3://bucket/root/a"):
            attempt()
