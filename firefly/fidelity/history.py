"""The history key as a baseline: an answer counts only for a call after exactly the same earlier ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from firefly.episode import comparable
from firefly.fidelity.comparison import Answered, Answerer
from firefly.records import ToolKey
from firefly.replay.records import Observation, Recording, Step, canonical_json

__all__ = ["by_history"]

TIER = "history"


def by_history(recordings: Iterable[Recording], varying: Collection[ToolKey] = ()) -> Answerer:
    """Return what answers as ``recordings`` do where the call and all earlier ones of the scope are equal.

    It can't be wrong but for what changes by itself, and knows nothing of a call after one call more.

    Args:
        recordings: what was recorded.
        varying: tools whose answers vary by themselves; they are not answered for.

    """
    known: dict[str, Observation] = {}
    for recording in sorted(recordings, key=lambda one: one.id):
        for step in comparable(recording):
            if step.call.key in varying:
                continue
            known.setdefault(_key(step), step.observation)

    def answer(recording: Recording) -> list[Answered]:
        lost: set[str] = set()
        found: list[Answered] = []
        for step in comparable(recording):
            scope = step.scope if step.scope != "none" else step.call.server
            said = None if scope in lost else known.get(_key(step))
            if said is None and step.scope != "none":
                lost.add(scope)
            found.append(Answered(said, "miss" if said is None else TIER))
        return found

    return answer


def _key(step: Step) -> str:
    call = step.call
    history = "" if step.scope == "none" else step.before.history
    return canonical_json([call.server, call.tool, step.schema_digest, call.arguments, step.scope, history])
