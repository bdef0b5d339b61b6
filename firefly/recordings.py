"""What a cassette was frozen from, as a folder beside it: every episode, and what its tools were seen to do.

A cassette answers calls; whoever wants to make the episodes again, add to them, or key them otherwise needs
the episodes themselves.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from firefly.records import ToolProfile
from firefly.replay.errors import DatasetError
from firefly.replay.records import Record, Recording

__all__ = ["Recorded", "read_recorded", "write_recorded"]

FOLDER = "recordings"
EPISODES = "episodes.jsonl.gz"
PROFILES = "profiles.jsonl"

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Recorded:
    """The episodes of one cassette."""

    profiles: tuple[ToolProfile, ...] = ()
    recordings: tuple[Recording, ...] = ()
    """In the order of their ids."""

    @classmethod
    def of(cls, profiles: Iterable[ToolProfile], recordings: Iterable[Recording]) -> Recorded:
        """Return them in order, each once."""
        return cls(
            tuple(sorted(profiles, key=lambda one: one.key)),
            tuple({one.id: one for one in sorted(recordings, key=lambda one: one.id)}.values()),
        )


def folder_of(dataset: Path, split: str = "") -> Path:
    """Return where the recordings of a data set lie, or of a split with a cassette of its own."""
    return dataset / (f"{FOLDER}_{split}" if split else FOLDER)


def write_recorded(recorded: Recorded, folder: Path) -> list[Path]:
    """Write the folder and return its files; equal recordings give equal bytes."""
    folder.mkdir(parents=True)
    episodes, profiles = folder / EPISODES, folder / PROFILES
    episodes.write_bytes(gzip.compress(_lines(recorded.recordings), mtime=0))
    profiles.write_bytes(_lines(recorded.profiles))
    return [episodes, profiles]


def read_recorded(dataset: Path, split: str = "") -> Recorded | None:
    """Return the recordings of a data set; None where it has none.

    Raises:
        DatasetError: they are damaged; names file and line.
    """
    folder = folder_of(dataset, split)
    if not folder.is_dir():
        return None
    try:
        episodes = gzip.decompress((folder / EPISODES).read_bytes())
        profiles = (folder / PROFILES).read_bytes()
    except (OSError, EOFError) as error:
        raise DatasetError(
            f"The recordings in {folder} can't be read: {error}. Copy the folder again from where it came."
        ) from None
    return Recorded.of(
        _read(profiles, ToolProfile, folder / PROFILES), _read(episodes, Recording, folder / EPISODES)
    )


def _lines(records: Iterable[Record]) -> bytes:
    return "".join(f"{one.to_json()}\n" for one in records).encode("utf-8", "surrogatepass")


def _read(content: bytes, record: type[R], path: Path) -> list[R]:
    found = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            found.append(record.model_validate_json(line))
        except ValidationError:
            raise DatasetError(
                f"{path}, line {number}, is no {record.__name__}. Copy the folder again from where it came."
            ) from None
    return found
