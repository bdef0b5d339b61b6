"""Finished items of every stage, found again by a key of everything that shaped them.

One file an item: ``<store>/<stage>/<key>.jsonl``; its first line is a header with the digest of the
rest, so that a damaged file is noticed and the item made again. Files appear whole or not at all
(written aside, then renamed: ending a process loses only what it was making). Runs and sweeps share a
store; items of one key are made by one process at a time. Deleting a store loses nothing but time.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock
from pydantic import ValidationError

from firefly.errors import StoreError
from firefly.replay.records import Record, canonical_json, digest

R = TypeVar("R", bound=Record)

FORMAT = 2

_SHARD_DIGITS = 3


class Store:
    """A folder of finished items. Safe for several threads and processes on one local disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def key(self, **shaped_by: object) -> str:
        """Return the key of an item: the digest of everything that shaped it."""
        return digest({"format": FORMAT, **shaped_by})

    def get(self, stage: str, key: str, record: type[R]) -> list[R] | None:
        """Return an item's records; None when it is not there or damaged."""
        path = self._path(stage, key)
        try:
            header, _, body = path.read_bytes().decode("utf-8", "surrogatepass").partition("\n")
            if json.loads(header)["sha256"] != _sha256(body):
                return None
            return [record.model_validate_json(line) for line in body.split("\n")[:-1]]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, UnicodeDecodeError, ValidationError):
            return None
        except OSError as error:
            raise StoreError(f"The store item {path} can't be read: {error}.") from error

    def put(self, stage: str, key: str, item: str, records: Sequence[Record]) -> None:
        """Keep an item's records, the keys of their objects in the order they have.

        Declared parameters are tried in their order: a run that goes on must see what the first saw.

        Raises:
            StoreError: the disk is full or not writable; what was kept before stays.
        """
        body = "".join(_line(record) + "\n" for record in records)
        header = canonical_json({"stage": stage, "item": item, "key": key, "sha256": _sha256(body)})
        self._write(self._path(stage, key), f"{header}\n{body}")

    @contextmanager
    def lock(self, stage: str, key: str) -> Iterator[None]:
        """Hold an item: no other thread or process makes it meanwhile."""
        folder = self.root / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{stage}-{key[:_SHARD_DIGITS]}.lock", thread_local=False)
            lock.acquire()
        except OSError as error:
            raise self._error(folder, error) from error
        try:
            yield
        finally:
            lock.release()

    def folder(self, stage: str, key: str, build: Callable[[Path], None], *, redo: bool = False) -> Path:
        """Return the folder that is kept under ``key``; ``build`` fills it when it is not there.

        Raises:
            StoreError: the disk is full or not writable.
        """
        path = self.root / stage / key
        with self.lock(stage, key):
            if redo or not path.is_dir():
                temporary = None
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".new-"))
                    build(temporary)
                    if path.is_dir():
                        shutil.rmtree(path)
                    temporary.replace(path)
                except OSError as error:
                    raise self._error(path, error) from error
                finally:
                    if temporary is not None:
                        shutil.rmtree(temporary, ignore_errors=True)
        return path

    def _path(self, stage: str, key: str) -> Path:
        return self.root / stage / f"{key}.jsonl"

    def _write(self, path: Path, text: str) -> None:
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=".new-", suffix=".jsonl", delete=False
            ) as file:
                temporary = Path(file.name)
                file.write(text.encode("utf-8", "surrogatepass"))
            temporary.replace(path)
        except OSError as error:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise self._error(path, error) from error

    def _error(self, path: Path, error: OSError) -> StoreError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StoreError(
                f"The disk of the store {self.root} is full. Everything finished so far is kept: free some "
                "space (or set store.path to another disk) and run the same command again."
            )
        return StoreError(
            f"The store can't write {path}: {error.strerror or error}. Set store.path to a writable folder."
        )


def write_report(files: Mapping[str, str], folder: Path) -> None:
    """Write the texts of a report into ``folder`` by their file names.

    Raises:
        StoreError: the disk is full or not writable.
    """
    try:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", errors="surrogatepass")
    except OSError as error:
        raise StoreError(f"{folder}: the report can't be written: {error.strerror or error}.") from error


def _line(record: Record) -> str:
    plain = record.model_dump(mode="json")
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
