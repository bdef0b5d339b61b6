"""Writes tasks from templates: backward from the values that an exploration observed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from firefly.knowledge import Knowledge
from firefly.plugins import register
from firefly.records import Exploration
from firefly.replay.records import Task
from firefly.synthesis.chains import chains
from firefly.synthesis.changes import change_writers
from firefly.synthesis.kinship import related
from firefly.synthesis.reading import Lexicon
from firefly.synthesis.writer import Writer


@register("synthesizer", "template")
class Template:
    """Writes plainly worded tasks without a language model."""

    def __init__(self, *, tasks: int = 4, phrasings: int = 3, lexicon: Lexicon | None = None) -> None:
        """Set the limits.

        Args:
            tasks: most tasks written from one exploration.
            phrasings: most other wordings of each question.
            lexicon: names that a server's people use, by server: ``words`` maps fields, ``items`` maps
                tools to what one item of their answer is called. None: what the servers say themselves.

        """
        if tasks < 1 or phrasings < 0:
            raise ValueError("tasks >= 1 and phrasings >= 0 are needed")
        for server, parts in (lexicon or {}).items():
            unknown = set(parts) - {"words", "items"}
            if unknown:
                raise ValueError(f"lexicon.{server}: {min(unknown)!r} is neither words nor items")
        self.tasks = tasks
        self.phrasings = phrasings
        self.lexicon = lexicon or {}

    def write(self, exploration: Exploration, *, knowledge: Knowledge, rng: Random) -> list[Task]:
        """Return task candidates; their answers are computed from what the calls returned."""
        written: list[Task] = []
        if exploration.sub_dag.writes:
            writers: Iterator[Writer] = change_writers(
                exploration, knowledge, rng, self.lexicon, self.phrasings
            )
        else:
            writers = (
                Writer(exploration, chain, knowledge, rng, self.lexicon, self.phrasings)
                for chain in chains(exploration, knowledge)
                if related(chain, knowledge)
            )
        for writer in writers if exploration.completed else ():
            written += writer.tasks(self.tasks - len(written))
            if len(written) >= self.tasks:
                break
        return written
