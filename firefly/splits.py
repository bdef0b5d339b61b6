"""Train, validation and test that share no world and, where there are enough, no servers.

Everything is decided before anything is sampled: which split has which world, which servers are whose.
Each split is a run of its own over its world, from the catalog to the verdicts; the store shares what is
equal. What joins servers of several splits is sampled in the first split's world, and goes to a table of its
own. A task that asks the same as one of an earlier split, and has the same answer, is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import JsonValue

from firefly.config import RunConfig
from firefly.errors import ConfigError
from firefly.records import CheckResult, Listing, Verdict
from firefly.replay.records import Identified, Task, digest

if TYPE_CHECKING:
    from firefly.run import Run
    from firefly.servers.spec import ServerSpec

Some = TypeVar("Some", bound=Identified)

STRADDLING = "straddling"
"""The split of tasks whose servers belong to several splits."""
REPEATED = "repeated_across_splits"
"""Names the result that a task gets which an earlier split asks already."""
_EACH = 2
"""Servers with data that every split needs, for servers to be divided: one alone joins nothing."""


@dataclass(frozen=True)
class Part:
    """One split: its world and its servers."""

    split: str
    config: RunConfig
    world_seed: int | None
    """Seed of its world; None: the world has none."""
    servers: frozenset[str]
    """Whose tasks are its own."""
    starts: frozenset[str]
    """Those that it runs: its own, and in the first split the others', for what joins them."""
    others: tuple[frozenset[str], ...] = ()
    """The servers of the other splits."""

    def samples(self, group: Iterable[str]) -> bool:
        """Return whether calls that join these servers are sampled here."""
        members = frozenset(group)
        return members <= self.starts and not any(members <= other for other in self.others)

    def split_of(self, task: Task) -> str:
        """Return the split that a task belongs to."""
        return self.split if self.servers.issuperset(task.servers) else STRADDLING


@dataclass(frozen=True)
class Division:
    """How a run is divided into splits."""

    parts: tuple[Part, ...]
    rule: str
    """In words, for the card."""


def divide(config: RunConfig, specs: Mapping[str, ServerSpec]) -> Division:
    """Return the parts of a run; one where there is nothing to divide.

    Raises:
        ConfigError: splits are to have worlds of their own, but the world has no seed.
    """
    wanted = config.splits.parts
    names = frozenset(specs)
    first_seed = config.world.get("seed")
    offsets = {split: part.world for split, part in wanted.items()}
    if any(offsets.values()) and not isinstance(first_seed, int):
        raise ConfigError(
            "Every split is to have a world of its own, but this world has no seed, so there is only one. "
            "Choose a generated one (world=shop), or one for all: "
            + " ".join(f"splits.parts.{split}.world=0" for split, offset in offsets.items() if offset)
        )
    owned, why_not = dict.fromkeys(wanted, names), ""
    if config.splits.servers == "divided" and len(wanted) > 1:
        owned, why_not = _divided(config, specs)
    divided = len({frozenset(own) for own in owned.values()}) > 1
    parts = []
    for number, (split, part) in enumerate(wanted.items()):
        seed = first_seed + part.world if isinstance(first_seed, int) else None
        changed = (
            config.model_copy(update={"world": {**config.world, "seed": seed}}) if part.world else config
        )
        others = tuple(own for other, own in owned.items() if other != split) if divided else ()
        starts = names if divided and number == 0 and config.splits.straddling else owned[split]
        parts.append(Part(split, changed, seed, owned[split], starts, others))
    return Division(tuple(parts), _rule(parts, divided=divided, why_not=why_not))


def _divided(config: RunConfig, specs: Mapping[str, ServerSpec]) -> tuple[dict[str, frozenset[str]], str]:
    """Return the servers of each split; those with data and those that only reckon are shared out apart."""
    wanted = config.splits.parts
    data = [name for name, spec in specs.items() if spec.state.scope != "none"]
    if len(data) < _EACH * len(wanted):
        why = f"{len(data)} servers with data are too few to divide among {len(wanted)} splits"
        return {split: frozenset(specs) for split in wanted}, why
    owned: dict[str, set[str]] = {split: set() for split in wanted}
    for names in (data, sorted(set(specs) - set(data))):
        order = sorted(names, key=lambda name: digest([config.seed, name]))
        counts = _shares([part.share for part in wanted.values()], len(order), each=names is data)
        for split, count in zip(wanted, counts, strict=True):
            owned[split] |= set(order[:count])
            order = order[count:]
    return {split: frozenset(own) for split, own in owned.items()}, ""


def _shares(shares: Sequence[float], total: int, *, each: bool) -> list[int]:
    """Return counts in proportion to ``shares`` that add up to ``total``; ``each``: at least one.

    >>> _shares([0.6, 0.2, 0.2], 6, each=True), _shares([0.8, 0.1, 0.1], 3, each=False)
    ([4, 1, 1], [3, 0, 0])
    """
    exact = [share / sum(shares) * total for share in shares]
    counts = [int(one) for one in exact]
    order = sorted(range(len(shares)), key=lambda index: (counts[index] - exact[index], index))
    for index in order[: total - sum(counts)]:
        counts[index] += 1
    while each and 0 in counts and max(counts) > 1:
        counts[counts.index(max(counts))] -= 1
        counts[counts.index(0)] += 1
    return counts


def _rule(parts: Sequence[Part], *, divided: bool, why_not: str) -> str:
    if len(parts) == 1:
        return ""
    seeds = {part.world_seed for part in parts}
    worlds = (
        "every split has a world of its own, generated from the seed "
        + ", ".join(f"{part.world_seed} ({part.split})" for part in parts)
        if len(seeds) == len(parts)
        else "splits share worlds"
    )
    if not divided:
        return f"{worlds}; servers are the same in all splits" + (f" ({why_not})" if why_not else "")
    owned = "; ".join(f"{part.split}: {', '.join(sorted(part.servers))}" for part in parts)
    return (
        f"{worlds}; servers were divided before sampling ({owned}); tasks across them are in `{STRADDLING}`"
    )


def join(run: Run, division: Division, states: Sequence[Run], failed: Mapping[str, str]) -> None:
    """Put what the parts found into ``run``, and say what became of each split.

    Args:
        run: the run as a whole.
        division: its parts.
        states: the parts as run, in order; those that failed too.
        failed: split -> why its part ended early.

    """
    listings: dict[str, Listing] = {}
    for part, state in zip(division.parts, states, strict=False):
        own = {listing.server: listing for listing in state.listings}
        listings = own | listings | {name: one for name, one in own.items() if name in part.servers}
        run.probe_reports += state.probe_reports
        run.edges += _new(state.edges, run.edges)
        run.scored_edges += _new(state.scored_edges, run.scored_edges)
        run.sub_dags += _new(state.sub_dags, run.sub_dags)
        run.explored |= state.explored
        run.explorations += _new(state.explorations, run.explorations)
        tasks = _new(state.tasks, run.tasks)
        verdicts = {verdict.task: verdict for verdict in state.verdicts}
        repeated = _repeated(tasks, verdicts, run)
        run.tasks += tasks
        run.verdicts += [_left_out(verdicts[task.id], repeated) for task in tasks if task.id in verdicts]
        run.split_of |= {task.id: part.split_of(task) for task in tasks}
        run.reexecutions |= {f"{part.split}:{name}": one for name, one in state.reexecutions.items()}
        run.failures += state.failures
        _add_up(run, state)
        run.neighbours += _new(state.neighbours, run.neighbours)
        if state.cassette is not None and run.cassette is None:
            run.cassette = state.cassette
            run.evidence[""] = state.all_evidence()
        elif state.cassette is not None:
            run.split_cassettes[part.split] = state.cassette
            run.evidence[part.split] = state.all_evidence()
    run.listings = [listings[name] for name in sorted(listings)]
    run.tasks.sort(key=lambda task: task.id)
    run.verdicts.sort(key=lambda verdict: verdict.task)
    run.split_rule = division.rule
    run.split_report = _report(run, division, failed)


def _new(records: Iterable[Some], known: Iterable[Some]) -> list[Some]:
    names = {one.id for one in known}
    return [one for one in records if one.id not in names]


def _repeated(tasks: Iterable[Task], verdicts: Mapping[str, Verdict], run: Run) -> dict[str, str]:
    """Return verified tasks that ask what a kept task of an earlier split asks, with that task.

    The same words, or the same calls, and the same answer: what holds in every world is learnt in one.
    """
    earlier = {key: task.id for task in run.verified for key in _asks(task)}
    return {
        task.id: earlier[key]
        for task in tasks
        if task.id in verdicts and verdicts[task.id].verified
        for key in _asks(task)
        if key in earlier
    }


def _asks(task: Task) -> Iterator[str]:
    answer = digest(task.answer.value)
    for text in task.wordings:
        yield digest([" ".join(f"{text} {task.answer_format}".casefold().split()), answer])
    calls = [gold.model_dump(mode="json") for gold in task.gold_calls]
    yield digest([calls, task.expression.model_dump(mode="json"), answer])


def _left_out(verdict: Verdict, repeated: Mapping[str, str]) -> Verdict:
    other = repeated.get(verdict.task)
    if other is None:
        return verdict
    evidence: dict[str, JsonValue] = {"faults": [f"task {other} of an earlier split asks the same"]}
    result = CheckResult(check=REPEATED, status="fail", evidence=evidence)
    return verdict.model_copy(update={"verified": False, "results": (*verdict.results, result)})


def _add_up(run: Run, state: Run) -> None:
    for stage, seconds in state.seconds.items():
        run.seconds[stage] = round(run.seconds.get(stage, 0.0) + seconds, 3)
    for stage, counts in state.items.items():
        known = run.items.setdefault(stage, {"made": 0, "reused": 0, "failed": 0})
        for what, count in counts.items():
            known[what] += count
    for server, calls in state.live_counts.items():
        so_far = run.live_counts.setdefault(server, {})
        for what, count in calls.items():
            so_far[what] = so_far.get(what, 0) + count


def _report(run: Run, division: Division, failed: Mapping[str, str]) -> dict[str, Any]:
    """Return what each split has, and what the division cost."""
    candidates = Counter(run.split_of.values())
    verified = Counter(run.split_of[task.id] for task in run.verified)
    rows = {
        part.split: {
            "world_seed": part.world_seed,
            "servers": sorted(part.servers),
            "candidates": candidates[part.split],
            "verified": verified[part.split],
            **({"failed": failed[part.split]} if part.split in failed else {}),
        }
        for part in division.parts
    }
    across = {task.servers for task in run.tasks if run.split_of.get(task.id) == STRADDLING}
    repeated = Counter(
        run.split_of[verdict.task]
        for verdict in run.verdicts
        if verdict.results[-1:] and verdict.results[-1].check == REPEATED
    )
    lost = [
        f"{split}: {row.get('failed') or 'nothing was verified'}, so it is left out"
        for split, row in rows.items()
        if not row["verified"]
    ]
    lost += [
        f"{count} tasks of {split}, since an earlier split asks the same and has the same answer"
        for split, count in repeated.items()
    ]
    if across:
        groups = "; ".join(sorted("+".join(group) for group in across))
        lost.append(
            f"{verified[STRADDLING]} verified tasks of {candidates[STRADDLING]} candidates join servers of "
            f"several splits and are in none of them: {groups}"
        )
    return {
        "rule": division.rule,
        "splits": rows,
        STRADDLING: {"candidates": candidates[STRADDLING], "verified": verified[STRADDLING]},
        "lost": lost,
    }
