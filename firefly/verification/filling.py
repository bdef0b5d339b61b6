"""A choice under counts: what is kept, how far all that tasks share is used up, and what still fits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from random import Random


@dataclass(frozen=True)
class Limits:
    """The caps; see `firefly.verification.selection.Caps`."""

    per_selector: int
    per_sequence: int
    per_datum: int
    server_share: float
    sequence_share: float
    guess_share: float
    guess_family_share: float
    involved_share: float
    at_least: int


@dataclass(frozen=True)
class Candidate:
    """What the choice sees of a task."""

    task: str
    servers: tuple[str, ...]
    sequence: Hashable
    kind: str
    """The operation of its answer."""
    selector: Hashable
    """The operation and what it reads."""
    datum: str
    family: Hashable
    answer: str
    """Digest of the answer's value."""
    is_involved: bool
    """Whether it takes three calls or more, or changes something first."""
    worth: float
    """How much rarer than others its kind is; 0: of the commonest kind."""


Resource = tuple[str, Hashable]
"""What the tasks share, by kind: ``datum``, ``kind``, ``sequence`` or ``server``."""


_STEEP = 20.0
"""How much dearer a resource is when it is used up than when it is untouched."""


class Filling:
    """A choice under counts: what is kept, and how far each resource is used up."""

    def __init__(
        self, candidates: Sequence[Candidate], counts: Mapping[str, int], *, fields: int, most: int
    ) -> None:
        self._counts = counts
        self._most = most
        self._fields = fields
        self._resources = {one.task: _resources(one) for one in candidates}
        self._demand = Counter(resource for one in candidates for resource in self._resources[one.task])
        self._needing: dict[Resource, list[Candidate]] = defaultdict(list)
        for one in candidates:
            for resource in self._resources[one.task]:
                self._needing[resource].append(one)
        self._used: Counter[Resource] = Counter()
        self._selectors: Counter[Hashable] = Counter()
        self.kept: dict[str, Candidate] = {}

    @property
    def involved(self) -> int:
        """Return how many involved tasks are kept."""
        return sum(one.is_involved for one in self.kept.values())

    def take(self, one: Candidate) -> None:
        """Keep a candidate."""
        self.kept[one.task] = one
        self._used.update(self._resources[one.task])
        self._selectors[(one.sequence, one.selector)] += 1

    def drop(self, one: Candidate) -> None:
        """Give a candidate up."""
        del self.kept[one.task]
        self._used.subtract(self._resources[one.task])
        self._selectors[(one.sequence, one.selector)] -= 1

    def used_up(self, one: Candidate) -> list[Resource]:
        """Return what ``one`` needs and is used up already."""
        return [
            resource for resource in self._resources[one.task]
            if self._used[resource] >= self._counts[resource[0]]
        ]  # fmt: skip

    def repeats(self, one: Candidate) -> bool:
        """Return whether its very field was asked for, and two thirds of its workflow are used up."""
        asked = self._selectors[(one.sequence, one.selector)] >= 1
        return asked and self._used[("sequence", one.sequence)] >= self._fields

    def fits(self, one: Candidate) -> bool:
        """Return whether ``one`` may be kept, too."""
        return len(self.kept) < self._most and not self.repeats(one) and not self.used_up(one)

    def gain(self, one: Candidate) -> float:
        """Return the worth over the price."""
        price = 0.0
        for resource in self._resources[one.task]:
            count = max(self._counts[resource[0]], 1)
            scarcity = min(1.0, self._demand[resource] / count)
            price += scarcity / count * _STEEP ** (self._used[resource] / count)
        new = 0.5 if not self._used[("sequence", one.sequence)] else 0.0
        return (1.0 + 0.1 * one.worth + new) / price

    def freed(self, out: Iterable[Candidate]) -> list[Candidate]:
        """Return the candidates that giving up ``out`` may have made room for: those that share something."""
        resources = {resource for one in out for resource in self._resources[one.task]}
        return list({one.task: one for resource in resources for one in self._needing[resource]}.values())

    def fill(self, left: Iterable[Candidate], most: int | None = None) -> None:
        """Keep the best that fits, again and again, until ``most`` are kept."""
        fitting = sorted((one for one in left if one.task not in self.kept and self.fits(one)), key=_id)
        # Whatever is taken makes others dearer, never cheaper: a gain that is still the best is the best.
        heap = [(-self.gain(one), -place, one) for place, one in enumerate(fitting)]
        heapify(heap)
        while heap and (most is None or len(self.kept) < most):
            _, place, one = heappop(heap)
            if not self.fits(one):
                continue
            gain = -self.gain(one)
            if heap and (gain, place) > heap[0][:2]:
                heappush(heap, (gain, place, one))
            else:
                self.take(one)

    def in_the_way(self, one: Candidate, rng: Random) -> list[Candidate] | None:
        """Return kept candidates, one or two, without which ``one`` fits; None when that takes more."""
        needed = self.used_up(one)
        out: list[Candidate] = []
        while needed and len(out) < 2:
            shared = Counter(
                other.task
                for resource in needed
                for other in self._needing[resource]
                if other.task in self.kept and not other.is_involved and other not in out
            )
            if not shared:
                return None  # involved ones are not given up
            most = max(shared.values())
            out.append(self.kept[rng.choice([name for name, count in shared.items() if count == most])])
            given = self._resources[out[-1].task]
            needed = [resource for resource in needed if resource not in given]
        return None if needed else out


def _id(one: Candidate) -> str:
    return one.task


def _resources(one: Candidate) -> tuple[Resource, ...]:
    return (
        ("datum", one.datum),
        ("kind", (one.sequence, one.kind)),
        ("sequence", one.sequence),
        *(("server", server) for server in one.servers),
    )
