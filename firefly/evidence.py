"""What a cassette is made from: every recorded episode, and what is claimed of the tools.

A cassette's entries no longer say what came before them; whoever wants to add recordings to it, and to
take back what they contradict, needs the episodes themselves. As a folder: ``claims.json`` and
``episodes.jsonl.gz``, one `Recording` a line.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from firefly.errors import DatasetError
from firefly.records import ToolKey
from firefly.replay.cassette import Cassette
from firefly.replay.folder import first_fault
from firefly.replay.freezing import make_cassette
from firefly.replay.records import Observation, PathPart, Record, Recording, Tool, digest

__all__ = ["CLAIMS", "EPISODES", "Claims", "Evidence", "Mask"]

CLAIMS = "claims.json"
EPISODES = "episodes.jsonl.gz"


class Mask(Record):
    """The fields of a tool's answers that change by themselves."""

    server: str
    tool: str
    paths: tuple[tuple[PathPart, ...], ...]


class Claims(Record):
    """What was found out about tools by experiment; recordings that say otherwise overrule it."""

    independent: tuple[ToolKey, ...] = ()
    """Neither read nor change the state of their scope."""
    reads: tuple[ToolKey, ...] = ()
    """Change nothing."""
    volatile: tuple[ToolKey, ...] = ()
    """Answer differently to equal calls."""
    masks: tuple[Mask, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All that a cassette is made from, besides the tools' declarations."""

    claims: Claims
    recordings: Sequence[Recording]

    def cassette(
        self, tools: Iterable[Tool], versions: dict[str, str], more: Sequence[Recording] = ()
    ) -> Cassette:
        """Return the cassette of the recordings and ``more``.

        Args:
            tools: every tool that may be asked for.
            versions: of the servers, for its manifest.
            more: further recordings.

        """
        return make_cassette(
            tools,
            [*self.recordings, *more],
            independent=set(self.claims.independent),
            reads=set(self.claims.reads),
            volatile=set(self.claims.volatile),
            masks={(one.server, one.tool): one.paths for one in self.claims.masks},
            versions=versions,
        )

    def save(self, folder: Path) -> list[Path]:
        """Write the folder and return its files; equal evidence gives equal bytes.

        So do two runs of one seed: what volatile tools answered is replaced by a text that differs as often.
        """
        folder.mkdir(parents=True, exist_ok=True)
        claims, episodes = folder / CLAIMS, folder / EPISODES
        claims.write_text(self.claims.to_json() + "\n", encoding="utf-8", newline="\n")
        kept = {one.id: one for one in (self._settled(one) for one in self.recordings)}
        lines = sorted(one.to_json() + "\n" for one in kept.values())
        episodes.write_bytes(gzip.compress("".join(lines).encode("utf-8", "surrogatepass"), mtime=0))
        return [claims, episodes]

    def _settled(self, recording: Recording) -> Recording:
        """Return the episode without the answers of volatile tools, which are never replayed."""
        volatile = set(self.claims.volatile)
        if not any(step.call.key in volatile for step in recording.steps):
            return recording
        calls = [step.call.model_dump(mode="json") for step in recording.steps]
        steps = [
            step.model_copy(
                update={
                    "observation": Observation(
                        outcome=step.observation.outcome,
                        text=f"varies: {digest([recording.purpose, recording.seed, calls, place])}",
                    )
                }
            )
            if step.call.key in volatile
            else step
            for place, step in enumerate(recording.steps)
        ]
        return Recording(
            purpose=recording.purpose, servers=recording.servers, seed=recording.seed, steps=tuple(steps)
        )

    @classmethod
    def load(cls, folder: Path) -> Evidence:
        """Read a folder that `save` wrote.

        Raises:
            DatasetError: a file is missing or damaged; names file and line.
        """
        claims, episodes = folder / CLAIMS, folder / EPISODES
        place = str(claims)
        try:
            found = Claims.model_validate_json(claims.read_bytes())
            place = str(episodes)
            recordings = []
            for number, line in enumerate(gzip.decompress(episodes.read_bytes()).splitlines(), start=1):
                place = f"{episodes}, line {number}"
                recordings.append(Recording.model_validate(json.loads(line)))
        except ValidationError as error:
            raise DatasetError(f"{place}: {first_fault(error)}. {_AGAIN}") from None
        except (OSError, EOFError, ValueError) as error:
            raise DatasetError(f"{place} can't be read: {error}. {_AGAIN}") from None
        return cls(found, tuple(recordings))


_AGAIN = (
    "It is damaged, or another version of Firefly wrote it: copy the data set again from where it came, or "
    "make it anew with this version."
)
