"""Edges from a write to the reads that it was seen to change: looks before and after, and the difference."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.outputs import Path, general, leaves, parsed_output
from firefly.plugins import register
from firefly.records import Edge, ToolKey
from firefly.replay.records import Observation, Step, Tool, canonical_json

_PATHS = 4
"""Paths of one difference that an edge shows."""
_VALUES = 5
"""Values that came or went at one path that an edge shows."""
_LONG = 200
"""Characters; longer texts are left out of what an edge shows."""


@register("scorer", "affects")
class Affects:
    """Finds what each write changes: a read answered otherwise after it, and alike where it was not called.

    An edge has no parameter: its source is the write, its target the read. The evidence says how
    often the read was looked at around the write, and shows one pair of looks: the arguments of both
    calls and, path by path, which values came (``new``) and which went (``gone``).
    """

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Knowledge, dict[tuple[ToolKey, ToolKey], Effect]] = WeakKeyDictionary()

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return an edge to every target that a call of ``source``, and no other, was seen to change."""
        if evidence not in self._known:
            self._known[evidence] = observed_effects(evidence)
        effects = self._known[evidence]
        found = []
        for target in targets:
            effect = effects.get((source.key, target.key))
            if effect is not None and effect.pairs:
                found.append(
                    Edge(
                        source=source.key,
                        target=target.key,
                        kind="affects",
                        score=effect.score,
                        evidence={"affects": effect.described()},
                    )
                )
        return found


@dataclass(frozen=True)
class Pair:
    """One look before and one after a write that answered differently."""

    before: Step
    write: Step
    after: Step
    difference: Mapping[Path, tuple[tuple[JsonValue, ...], tuple[JsonValue, ...]]]
    """General path -> (values that went, values that came)."""


@dataclass
class Effect:
    """What was seen of one read around the calls of one write."""

    pairs: list[Pair] = field(default_factory=list)
    """Looks that differed, with no other write in between."""
    unchanged: int = 0
    """Looks that were alike although the write was called, successfully, in between."""

    @property
    def score(self) -> float:
        """Return 0..1; a look that stayed alike is weak evidence: the write may concern something else."""
        changed = len(self.pairs)
        return round((changed + 0.5) / (changed + 0.75 + 0.25 * self.unchanged), 4)

    def described(self) -> dict[str, JsonValue]:
        """Return the evidence of an edge."""
        told = max(self.pairs, key=_telling)
        difference: list[JsonValue] = []
        for path in sorted(told.difference, key=lambda one: (len(one), repr(one)))[:_PATHS]:
            gone, new = told.difference[path]
            difference.append({"path": list(path), "gone": _shown(gone), "new": _shown(new)})
        return {
            "score": self.score,
            "changed": len(self.pairs),
            "unchanged": self.unchanged,
            "write": dict(told.write.call.arguments),
            "read": dict(told.before.call.arguments),
            "observed": difference,
        }


def observed_effects(knowledge: Knowledge) -> dict[tuple[ToolKey, ToolKey], Effect]:
    """Return for (write, read) what the recordings show of the read around the write.

    A read is looked at whenever the very call was made twice in one recording. What differs is the
    doing of a tool that was called in between if all others in between are proven reads, or if the
    fingerprint of the state shows that no other changed it. A read whose answers are not stable by
    themselves, as far as they aren't, shows nothing.
    """
    found: dict[tuple[ToolKey, ToolKey], Effect] = defaultdict(Effect)
    for recording in knowledge.recordings:
        last: dict[str, int] = {}
        for place, step in enumerate(recording.steps):
            if not _answered(step):
                continue
            mark = canonical_json([step.call.server, step.call.tool, step.call.arguments])
            earlier, last[mark] = last.get(mark), place
            if earlier is None or not _is_look(step.call.key, knowledge):
                continue
            between = [one for one in recording.steps[earlier + 1 : place] if _answered(one)]
            writes = [one for one in between if _may_write(one.call.key, knowledge)]
            _note(recording.steps[earlier], writes, step, knowledge, found)
    return {names: effect for names, effect in found.items() if effect.pairs}


def _note(
    before: Step,
    writes: Sequence[Step],
    after: Step,
    knowledge: Knowledge,
    found: dict[tuple[ToolKey, ToolKey], Effect],
) -> None:
    difference = _difference(before, after, knowledge)
    read = before.call.key
    if not difference:
        for name in {one.call.key for one in writes if one.observation.outcome == "success"} - {read}:
            found[(name, read)].unchanged += 1
        return
    suspects = [one for one in writes if _fingerprints(one) != "same"]
    writers = {one.call.key for one in suspects}
    if len(writers) != 1 or read in writers:
        return
    done = [one for one in suspects if one.observation.outcome == "success"]
    if done:
        found[(done[0].call.key, read)].pairs.append(Pair(before, done[-1], after, difference))


def _difference(
    before: Step, after: Step, knowledge: Knowledge
) -> dict[Path, tuple[tuple[JsonValue, ...], tuple[JsonValue, ...]]]:
    """Return what came and went between two answers to one call, at each general path; empty: nothing."""
    profile = knowledge.profiles.get(before.call.key)
    passing = {general(path) for path in profile.volatile_paths} if profile else set()
    one, other = _by_path(before.observation), _by_path(after.observation)
    found = {}
    for path in sorted(one.keys() | other.keys(), key=repr):
        if path in passing:
            continue
        gone, new = (
            tuple(_minus(mine.get(path, []), theirs.get(path, [])))
            for mine, theirs in ((one, other), (other, one))
        )
        if gone or new:
            found[path] = (gone, new)
    return found


def _by_path(observation: Observation) -> dict[Path, list[JsonValue]]:
    """Return the values at each general path; those of opaque text and of errors are its lines, at ``()``."""
    found: dict[Path, list[JsonValue]] = defaultdict(list)
    data = parsed_output(observation)
    if data is None:
        found[()] = [line for line in observation.visible.splitlines() if line.strip()]
    else:
        for path, leaf in leaves(data):
            found[general(path)].append(leaf)
    return found


def _minus(these: Sequence[JsonValue], those: Sequence[JsonValue]) -> Iterator[JsonValue]:
    left = Counter(repr(value) for value in those)
    for value in these:
        if left[repr(value)]:
            left[repr(value)] -= 1
        else:
            yield value


def _is_look(key: ToolKey, knowledge: Knowledge) -> bool:
    """Return whether a tool's answers change only if something changes them: a proven, stable read."""
    profile = knowledge.profiles.get(key)
    if profile is None or profile.effect == "write" or key not in knowledge.tools:
        return False
    return profile.determinism == "deterministic" or bool(
        profile.volatile_paths and () not in profile.volatile_paths
    )


def _may_write(key: ToolKey, knowledge: Knowledge) -> bool:
    profile = knowledge.profiles.get(key)
    return profile is None or profile.effect != "read"


def _fingerprints(step: Step) -> str:
    """Return whether the state was seen to be the ``same`` after the call, ``changed``, or ``unseen``."""
    before, after = step.before.fingerprint, step.after.fingerprint
    if before is None or after is None:
        return "unseen"
    return "same" if before == after else "changed"


def _answered(step: Step) -> bool:
    return step.observation.outcome in ("success", "failure")


def _telling(pair: Pair) -> tuple[bool, bool, int]:
    """Order pairs: both looks succeeded, something came, few paths differ."""
    both = pair.before.observation.outcome == pair.after.observation.outcome == "success"
    return (both, any(new for _, new in pair.difference.values()), -len(pair.difference))


def _shown(values: Sequence[JsonValue]) -> list[JsonValue]:
    return [value for value in values if not isinstance(value, str) or len(value) <= _LONG][:_VALUES]
