"""The report of a measurement: a table for people, records for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from firefly.episode import comparable
from firefly.fidelity.comparison import Judged
from firefly.fidelity.figures import Row, Tally, row_of
from firefly.replay.records import Observation, Record, Recording, Step, ToolCall
from firefly.store import write_report

__all__ = ["Report", "Wrong", "rows_of", "written"]

ALL = "all"

Found = Mapping[str, Mapping[str, Sequence[Sequence[Judged]]]]
"""Key -> agent -> its episodes, each as its judged calls."""


class Wrong(Record):
    """One wrong answer with all that is needed to find its cause."""

    key: str
    agent: str
    exact: bool
    """Whether the simulator claims to answer exactly, so that this is a fault of it."""
    tier: str
    episode: str
    """Id of the recording in ``episodes.jsonl``."""
    before: tuple[ToolCall, ...]
    """The calls before it in the episode."""
    call: ToolCall
    live: Observation
    said: Observation
    repeated: bool | None = None
    """Whether the servers gave their answer again when the episode was made once more; None: not asked."""

    @classmethod
    def of(
        cls,
        key: str,
        agent: str,
        recording: Recording,
        place: int,
        one: Judged,
        again: Recording | None,
        *,
        exact: bool,
    ) -> Wrong:
        """Return the record of a wrong answer.

        Args:
            key: whose answer it is.
            agent: who asked.
            recording: the episode.
            place: of the call among the episode's comparable ones.
            one: the call.
            again: the episode made once more.
            exact: whether the simulator claims to be exact.

        """
        assert one.answered.observation is not None
        steps = comparable(recording)
        other = comparable(again)[place : place + 1] if again is not None else []
        return cls(
            key=key,
            agent=agent,
            exact=exact,
            tier=one.answered.tier,
            episode=recording.id,
            before=tuple(step.call for step in steps[:place]),
            call=one.step.call,
            live=one.step.observation,
            said=one.answered.observation,
            repeated=None if again is None else _same(other, one.step),
        )


def _same(again: Sequence[Step], step: Step) -> bool:
    return bool(again) and again[0].observation == step.observation


class Report(Record):
    """What a measurement found."""

    dataset: str
    split: str
    length: int
    """Most calls of an episode."""
    episodes: dict[str, int]
    """Agent -> episodes."""
    rows: tuple[Row, ...]
    wrong: tuple[Wrong, ...] = Field(default=(), exclude=True)
    """In a file of its own."""
    not_measured: dict[str, str] = Field(default_factory=dict)
    """Server of the data set -> why it was left out."""
    changed_schemas: tuple[str, ...] = ()
    """Tools whose input schema is no longer the recorded one; their calls can only miss."""
    history: bool = True
    """Whether there are recordings to make the history key of."""

    def table(self) -> str:
        """Return the rows of all agents for each server, and of each agent for all servers."""
        shown = [row for row in self.rows if ALL in (row.server, row.agent)]
        head = (
            "server",
            "agent",
            "key",
            "wrong",
            "<=",
            "answered",
            "missed",
            "episodes: wrong",
            "<=",
            "whole",
            "of",
        )
        lines = [head, *(_line(row) for row in shown)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        texts = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        notes = [f"{server}: not measured: {why}" for server, why in sorted(self.not_measured.items())]
        if self.changed_schemas:
            notes.append(f"another input schema than recorded: {', '.join(self.changed_schemas)}")
        if not self.history:
            notes.append("no history key: the data set has no recorded episodes (exporters.recordings)")
        loose = [
            f"{row.server}, {row.key}, {tier}: schema-valid {_share(one.schema_valid)}, "
            f"value F1 {_share(one.value_f1)}"
            for row in self.rows
            if row.agent == ALL and row.server == ALL
            for tier, one in sorted(row.loose.items())
        ]
        return "\n".join([texts[0], "-" * max(map(len, texts)), *texts[1:], *loose, *notes])


def _line(row: Row) -> tuple[str, ...]:
    calls, episodes = row.calls, row.episodes
    return (
        row.server, row.agent, row.key,
        str(calls.wrong), _bound(calls), str(calls.answered), str(calls.missed),
        str(episodes.wrong), _bound(episodes), str(episodes.answered), str(episodes.total),
    )  # fmt: skip


def _bound(tally: Tally) -> str:
    return "" if tally.wrong_at_most is None else f"{100 * tally.wrong_at_most:.1f}%"


def _share(value: float | None) -> str:
    return "no schema" if value is None else f"{value:.2f}"


def rows_of(found: Found) -> Iterator[Row]:
    """Yield a row for each server, agent and key, and for all servers and all agents."""
    for key, by_agent in found.items():
        every = [calls for episodes in by_agent.values() for calls in episodes]
        servers = sorted({one.server for calls in every for one in calls})
        for agent, episodes in [*sorted(by_agent.items()), (ALL, every)]:
            for server in servers:
                own = [[one for one in calls if one.server == server] for calls in episodes]
                if any(own):
                    yield row_of(server, agent, key, own)
            if any(episodes):
                yield row_of(ALL, agent, key, episodes)


def written(report: Report, episodes: Mapping[str, Sequence[Recording]], folder: Path) -> None:
    """Write ``fidelity.json``, ``wrong.jsonl`` and ``episodes.jsonl``.

    Raises:
        StoreError: the disk is full or not writable.
    """
    every = sorted(
        {one.id: one for some in episodes.values() for one in some}.values(), key=lambda one: one.id
    )
    files = {
        "episodes.jsonl": "".join(f"{one.to_json()}\n" for one in every),
        "wrong.jsonl": "".join(f"{one.to_json()}\n" for one in report.wrong),
        "fidelity.json": report.model_dump_json(indent=2) + "\n",
    }
    write_report(files, folder)
