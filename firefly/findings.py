"""What a run has found so far: the results of its stages, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from firefly.evidence import Evidence
from firefly.knowledge import Knowledge
from firefly.records import (
    Edge,
    Exploration,
    Listing,
    ProbeReport,
    SubDag,
    ToolProfile,
    Verdict,
)
from firefly.replay.records import Recording, Task
from firefly.values.weights import of_explorations

if TYPE_CHECKING:
    from firefly.replay.cassette import Cassette


class Findings:
    """What the stages read and write; results of a stage are set once it is done."""

    def __init__(self) -> None:
        self.listings: list[Listing] = []
        self.probe_reports: list[ProbeReport] = []
        self.edges: list[Edge] = []
        self.scored_edges: list[Edge] = []
        """Before pruning."""
        self.sub_dags: list[SubDag] = []
        self.explorations: list[Exploration] = []
        self.explored: set[str] = set()
        """What the explored sub-DAGs asked for, whatever was executed: later rounds do not ask again."""
        self.cassette: Cassette | None = None
        self.tasks: list[Task] = []
        self.verdicts: list[Verdict] = []
        self.reexecutions: dict[str, Recording] = {}
        self.neighbours: list[Recording] = []
        """What was recorded around the gold paths; part of the cassette, of nothing before it."""
        self.split_of: dict[str, str] = {}
        """Task id -> its split; of a task that is not here: the first."""
        self.split_cassettes: dict[str, Cassette] = {}
        """Of the splits that have a world of their own."""
        self.evidence: dict[str, Evidence] = {}
        """Split, or "" -> what its cassette was frozen from, where there are several."""
        self.split_rule = ""
        self.split_report: dict[str, Any] = {}
        self.dataset: Path | None = None
        self.measured: dict[str, Any] = {}
        """What `firefly.measurement` found, where the configuration asks for it."""

    @property
    def profiles(self) -> list[ToolProfile]:
        """Return what probing found out about each tool."""
        return [profile for report in self.probe_reports for profile in report.profiles]

    def knowledge(self) -> Knowledge:
        """Return what is known so far."""
        return Knowledge(
            self.listings,
            self.profiles,
            [
                *(recording for report in self.probe_reports for recording in report.recordings),
                *(one for exploration in self.explorations for one in exploration.recordings),
            ],
            [
                *(outcome for report in self.probe_reports for outcome in report.value_outcomes),
                *of_explorations(self.explorations),
            ],
        )

    def all_evidence(self) -> Evidence:
        """Return everything that was recorded so far, and what is claimed of the tools."""
        from firefly.simulation import claims_of

        knowledge = self.knowledge()
        return Evidence(
            claims_of(knowledge.tools.values(), knowledge.profiles.values()),
            (*knowledge.recordings, *self.neighbours),
        )

    @property
    def verified(self) -> list[Task]:
        """Return the verified tasks in id order."""
        kept = {verdict.task for verdict in self.verdicts if verdict.verified}
        return [task for task in self.tasks if task.id in kept]
