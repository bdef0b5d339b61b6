"""The files of a cassette: read and verified line by line, written whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from pydantic import ValidationError

from .errors import CassetteError
from .records import Record

FORMAT_VERSION = 1

TOOLS = "tools.jsonl"
ENTRIES = "entries.jsonl"
PLAIN = (ENTRIES, TOOLS)
PACKED = (ENTRIES + ".gz", TOOLS)
MANIFEST = "manifest.json"
AGAIN = "Copy the folder again from where it came, or record it anew."
OTHER_VERSION = (
    "The file is as it was written, by another version of Firefly or another program: make the data set anew "
    "with this version, or read it with that one."
)
"""What is wrong with a line that does not fit although the hash of its file is right."""

_BLOCK = 1 << 20

_Line = TypeVar("_Line", bound=Record)
_Manifest = TypeVar("_Manifest", bound=Record)


class FileSeal(Record):
    """Size and digest of one file of the folder."""

    sha256: str
    lines: int


def read_manifest(folder: Path, kind: type[_Manifest]) -> tuple[_Manifest, bytes]:
    """Return the manifest of a folder, and its bytes.

    Raises:
        CassetteError: there is none, or it is of a newer format or malformed.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise CassetteError(f"There is no cassette at {folder}: no such folder.")
    try:
        content = path.read_bytes()
        found: Any = json.loads(content)
    except FileNotFoundError:
        raise CassetteError(
            f"{folder} is not a cassette: it has no {MANIFEST}. Name the folder that holds {MANIFEST}, "
            f"{ENTRIES} and {TOOLS}."
        ) from None
    except (OSError, ValueError) as error:
        raise CassetteError(f"{path} can't be read: {error}. {AGAIN}") from None
    if not isinstance(found, dict) or found.get("format") != "firefly-cassette":
        raise CassetteError(f"{path} is not the manifest of a cassette: its format isn't 'firefly-cassette'.")
    version = found.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CassetteError(f"{path}: format_version is {version!r}, not a positive integer. {AGAIN}")
    if version > FORMAT_VERSION:
        raise CassetteError(
            f"{path} is of format version {version}; this version reads up to {FORMAT_VERSION}. "
            "Update it: pip install -U firefly-replay (or firefly-mcp)."
        )
    try:
        return kind.model_validate(found), content
    except ValidationError as error:
        raise CassetteError(f"{path}: {first_fault(error)}. {AGAIN}") from None


def read_lines(path: Path, seal: FileSeal, kind: type[_Line]) -> Iterator[_Line]:
    """Give the lines of a file one by one; only after the last is it known whether the file is whole.

    Raises:
        CassetteError: the file is missing, damaged (its bytes are not those that ``seal`` says), or
            one of its lines is malformed; names file and line.
    """
    count = 0
    fault = unpacking = ""
    with _opened(path) as file:
        hashed = _Hashed(file)
        buffered = io.BufferedReader(hashed, _BLOCK)
        lines = cast(BinaryIO, gzip.GzipFile(fileobj=buffered)) if path.suffix == ".gz" else buffered
        try:
            for count, line in enumerate(lines, start=1):
                try:
                    found = kind.model_validate_json(line)
                except ValidationError as error:
                    fault = f"line {count}: {first_fault(error)}"
                    break
                yield found
        except (OSError, EOFError, ValueError) as error:
            unpacking = str(error)
        while buffered.read(_BLOCK):
            pass
    digest = hashed.digest.hexdigest()
    if digest != seal.sha256:
        where = f"; {fault}" if fault else ""
        raise CassetteError(
            f"{path} is damaged: its SHA-256 is {digest}, the manifest says {seal.sha256}{where}. {AGAIN}"
        )
    if unpacking:
        raise CassetteError(f"{path} can't be unpacked: {unpacking}. {AGAIN}")
    if fault:
        raise CassetteError(f"{path}, {fault}. {OTHER_VERSION}")
    if count != seal.lines:
        raise CassetteError(f"{path} has {count} lines, the manifest says {seal.lines}. {AGAIN}")


class _Hashed(io.RawIOBase):
    """Reads a file and takes the SHA-256 of all that was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._file.read(len(buffer))
        self.digest.update(block)
        buffer[: len(block)] = block
        return len(block)


def _opened(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise CassetteError(f"{path} is missing, though the manifest lists it. {AGAIN}") from None
    except OSError as error:
        raise CassetteError(f"{path} can't be read: {error}.") from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        CassetteError: it can't be read.
    """
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_fault(error: ValidationError) -> str:
    """Return the place and message of the first thing wrong with a record."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    text = re.sub(r"\s+", " ", first["msg"])
    return f"{place}: {text}" if place else text


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else writes into a folder; where the file system has no locks, don't."""
    try:
        import fcntl

        place = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def write_file(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all.

    Raises:
        CassetteError: it can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CassetteError(
            f"{path} can't be written: {error}. Free space or choose another folder."
        ) from None
