"""Chooses among sound candidates: as many as the caps allow, of many workflows, the rarer kinds first.

Shares are of what is kept, so they become counts for a number aimed at, and the largest number that can
be reached is looked for. Room for involved tasks (three calls or more, or a change first) is set aside:
they use up more than others and would lose to two simple ones. One aim is reached greedily: by the worth of
a candidate over the price of what it uses up (its servers, its workflow, ...), which rises steeply as that
runs out. Where that falls short, candidates left out are forced in, those in their way given up, and the gaps
filled again. The random choices have a fixed seed, and among equals the task id decides, which is a hash:
arbitrary, and the same in every run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from math import ceil
from random import Random

from firefly.verification.filling import Candidate, Filling, Limits

_STEPS = 150_000
"""Candidates looked at, at most, while an aim is pursued beyond the greedy choice."""
_GAP = 0.15
"""An aim that the greedy choice misses by a larger share is not pursued."""
_ROOMS = 5
"""Shares of room for involved tasks that are tried, down to none."""
_INVOLVED = 1.5
"""Simple tasks whose places an involved one is worth, besides its own."""
_MISSES = 4
"""Aims in a row that are not reached until the search ends."""


class Choice:
    """The choice among some candidates."""

    def __init__(self, candidates: Sequence[Candidate], limits: Limits) -> None:
        self._candidates = sorted(candidates, key=lambda one: one.task)
        self._limits = limits
        servers = {server for one in self._candidates for server in one.servers}
        self._server_share = max(limits.server_share, 2 / (len(servers) + 1))

    def dropped(self) -> dict[str, str]:
        """Return the id of every candidate that is not kept, with the cap that it would break."""
        guessed: dict[str, str] = {}
        filling = self._best()
        while guilty := self._guessed(filling):
            guessed[guilty.task] = "its answer is the commonest of its family"
            self._candidates.remove(guilty)  # the shares are of one less now: choose again
            filling = self._best()
        why_not = {
            one.task: self._why_not(one, filling) for one in self._candidates if one.task not in filling.kept
        }
        return guessed | why_not

    def _best(self) -> Filling:
        """Return the best choice among those with more and with less room for involved tasks.

        An involved task is worth the places of some simple ones, not of any number.
        """
        full = self._limits.involved_share
        shares = (
            [full * step / _ROOMS for step in range(_ROOMS, 0, -1)] if full and self._any_involved else []
        )
        found = [self._involving(self._largest(share)) for share in (*shares, 0.0)]
        return max(found, key=lambda one: len(one.kept) + _INVOLVED * one.involved)

    def _involving(self, filling: Filling) -> Filling:
        """Put involved tasks in the place of simple ones, as long as no fewer are kept."""
        rng = Random("involved")
        before = -1
        while before < filling.involved:
            before = filling.involved
            for one in self._candidates:
                if one.is_involved and one.task not in filling.kept:
                    self._forced(one, filling, rng)
        return filling

    @property
    def _any_involved(self) -> bool:
        return any(one.is_involved for one in self._candidates)

    def _largest(self, involved_share: float) -> Filling:
        """Return the choice that keeps most.

        The count of a share grows in steps: at a step an aim may be easier than the one before. So the
        largest step that can be reached is looked for first, and from there on one more, and one more.
        """
        most = len(self._candidates)
        small = min(self._limits.at_least, most)
        best = self._reached(small, involved_share)
        rises = [
            aim
            for aim in range(small + 1, most + 1)
            if self._counts(aim)["sequence"] > self._counts(aim - 1)["sequence"]
        ]
        for aim in reversed(rises):
            found = self._reached(aim, involved_share)
            if len(found.kept) >= aim:
                best = found
                break
        misses = 0
        while misses < _MISSES and (aim := len(best.kept) + misses + 1) <= most:
            found = self._reached(aim, involved_share)
            if len(found.kept) >= aim:
                best, misses = found, 0
            else:
                misses += 1
        return best

    def _reached(self, aim: int, involved_share: float) -> Filling:
        # More than aimed at is welcome where shares hold: of more, they are more.
        shared = aim > self._limits.at_least
        filling = Filling(
            self._candidates,
            self._counts(aim),
            fields=ceil(self._limits.per_sequence * 2 / 3),
            most=len(self._candidates) if shared else aim,
        )
        filling.fill((one for one in self._candidates if one.is_involved), ceil(involved_share * aim))
        filling.fill(self._candidates)
        rng = Random(f"choice:{aim}:{involved_share}")
        near = shared and len(filling.kept) >= aim * (1 - _GAP)
        for _ in range(_STEPS // max(len(self._candidates), 1) if near else 0):
            if len(filling.kept) >= aim:
                break
            left = [one for one in self._candidates if one.task not in filling.kept]
            self._forced(rng.choice(left), filling, rng)
        return filling

    @staticmethod
    def _forced(one: Candidate, filling: Filling, rng: Random) -> None:
        """Keep ``one`` in the place of others, unless fewer are kept in the end."""
        before = dict(filling.kept)
        out = filling.in_the_way(one, rng)
        if out is None:
            return
        for other in out:
            filling.drop(other)
        if filling.fits(one):
            filling.take(one)
            filling.fill(other for other in filling.freed(out) if other not in out)
        filling.fill(out)
        if len(filling.kept) < len(before):
            for other in [kept for name, kept in filling.kept.items() if name not in before]:
                filling.drop(other)
            for name, other in before.items():
                if name not in filling.kept:
                    filling.take(other)

    def _counts(self, aim: int) -> dict[str, int]:
        limits = self._limits
        shared = aim > limits.at_least
        sequence = int(limits.sequence_share * aim + 1e-9) if shared else limits.per_sequence
        return {
            "datum": limits.per_datum,
            "kind": limits.per_selector,
            "sequence": min(limits.per_sequence, sequence),
            "server": int(self._server_share * aim + 1e-9) if shared else aim,
        }

    def _why_not(self, one: Candidate, filling: Filling) -> str:
        """Return which cap one more such task would break."""
        limits = self._limits
        for kind, name in filling.used_up(one):
            if kind == "datum":
                return "another task asks for the same datum"
            if kind == "kind":
                return f"{limits.per_selector} tasks with these tools and this selector are kept already"
            if kind == "sequence":
                most = f"{limits.per_sequence} or {limits.sequence_share:.0%}"
                return f"these tools have {most} of the tasks already"
            return f"{name} has {self._server_share:.0%} of the tasks already"
        if filling.repeats(one):
            return "the same answer field of the same tools was asked for before"
        return "others were chosen in its place"

    # --- guesses -----------------------------------------------------------------------------

    def _guessed(self, filling: Filling) -> Candidate | None:
        """Return a task to give up: the commonest answers of families solve too many. None: few enough."""
        kept = filling.kept
        solved = guessable({name: (one.family, one.answer) for name, one in kept.items()})
        sizes = Counter(one.family for one in kept.values())
        hits = Counter(kept[name].family for name in solved)
        too_many = len(solved) > self._limits.guess_share * len(kept)
        most = self._limits.guess_family_share
        guilty = [
            one
            for name, one in kept.items()
            if name in solved and (too_many or hits[one.family] > most * sizes[one.family])
        ]
        return min(guilty, key=lambda one: (one.worth, one.task), default=None)


def guessable(tasks: dict[str, tuple[Hashable, str]]) -> set[str]:
    """Return the tasks whose answer is the commonest of the *other* tasks of their family.

    Of answers that are equally common the first by digest is the guess. Leaving a task itself out
    makes the rate an honest estimate: a family's only task is never guessed.

    Args:
        tasks: task id -> (family, digest of the answer).

    >>> sorted(guessable({"a": ("f", "1"), "b": ("f", "1"), "c": ("f", "2"), "d": ("g", "1")}))
    ['a', 'b']
    """
    families: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for family, answer in tasks.values():
        families[family][answer] += 1
    found = set()
    for task, (family, answer) in tasks.items():
        others = families[family].copy()
        others[answer] -= 1
        most = max(others.values())
        if most > 0 and answer == min(one for one, count in others.items() if count == most):
            found.add(task)
    return found
