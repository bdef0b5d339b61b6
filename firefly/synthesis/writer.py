"""Writes the tasks of one chain of calls: what is asked, how the way to it is told, and the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import ClassVar

from pydantic import JsonValue

from firefly.domains import few_values
from firefly.knowledge import Knowledge
from firefly.mentions import mention, normal, same
from firefly.outputs import leaves
from firefly.parameters import parameters
from firefly.records import Exploration
from firefly.replay.masks import touches
from firefly.replay.records import (
    Answer,
    Expression,
    GoldCall,
    PathPart,
    Provenance,
    StateProbe,
    Task,
)
from firefly.synthesis.answers import answer_of
from firefly.synthesis.chains import Chain
from firefly.synthesis.fluency import read_once
from firefly.synthesis.linking import Linker, renamed, trivial
from firefly.synthesis.picks import Pick, field_picks, scalar_picks
from firefly.synthesis.questions import Hop, wordings
from firefly.synthesis.reading import ChainReader, Lexicon
from firefly.synthesis.weaving import EVERY
from firefly.synthesis.worth import LEAST, worth

_FEW = 6
"""A count below this is too easily guessed."""
_LEAST_IN_UNIT = 0.1
_WAYS = 4
"""Ways to single out what an answer depends on that are tried, where more than one call leads to it."""
_ATTEMPTS = 60
"""Answers tried for one exploration before giving up."""


class Writer:
    """Writes the tasks of one chain."""

    fewest: ClassVar[int] = _FEW
    """Smallest number of things that is asked for."""

    def __init__(
        self,
        exploration: Exploration,
        chain: Chain,
        knowledge: Knowledge,
        rng: Random,
        lexicon: Lexicon,
        phrasings: int = 3,
    ) -> None:
        self.exploration = exploration
        self.chain = chain
        self.knowledge = knowledge
        self.rng = rng
        self.phrasings = phrasings
        self.reader = ChainReader(chain, knowledge, rng, lexicon)
        self.linker = Linker(self.reader, knowledge, rng)

    def tasks(self, limit: int) -> list[Task]:
        """Return at most ``limit`` tasks with answers of different kinds."""
        found: list[Task] = []
        asked: set[tuple[str, tuple[PathPart, ...], tuple[PathPart, ...]]] = set()
        left = [(pick, weight) for pick, weight in self._worthy() if not self._guessable(pick)]
        for _ in range(_ATTEMPTS):
            if not left or len(found) >= limit:
                break
            place = self._draw(left)
            pick, _ = left.pop(place)
            kind = (pick.template, pick.expression.path, pick.expression.field)
            if kind in asked:
                continue
            task = self._task(pick)
            if task is not None:
                asked.add(kind)
                found.append(task)
        return found

    def _worthy(self) -> Iterator[tuple[Pick, float]]:
        for pick in self._answers():
            if self._is_news(pick):
                weight = worth(pick, hops=len(self.chain.calls)) * min(1.0, pick.weight)
                if weight >= LEAST:
                    yield pick, weight

    def _draw(self, picks: Sequence[tuple[Pick, float]]) -> int:
        """Draw a kind of question first, then one of that kind: lists offer more answers than objects."""
        best: dict[tuple[str, bool], float] = {}
        for pick, weight in picks:
            kind = (pick.template, bool(pick.kept))
            best[kind] = max(best.get(kind, 0.0), weight)
        kinds = sorted(best)
        drawn = self.rng.choices(kinds, [best[one] ** 2 for one in kinds])[0]
        places = [at for at, (pick, _) in enumerate(picks) if (pick.template, bool(pick.kept)) == drawn]
        return self.rng.choices(places, [picks[at][1] ** 2 for at in places])[0]

    def _answers(self) -> Iterator[Pick]:
        call = self.chain.final
        output = self.chain.outputs[call.id]
        told = self.reader.told[call.id]
        if told is None:
            return
        if told.scalar:
            yield from scalar_picks(call.id, output, told.scalar)
            return
        if not told.is_query:
            yield from field_picks(call.id, output, self.reader.words(call, "words"))
        for listed in self.reader.lists(call):
            if told.counted:
                yield from listed.group_sizes(told.counted, told.item)
                continue
            yield from listed.items()
            if self.reader.sole(call, listed) == "":
                yield from listed.folds()

    def _is_news(self, pick: Pick) -> bool:  # noqa: PLR0911 - one for each reason
        """Return whether the answer is news: not an argument, not volatile, not a place on a disk."""
        if (
            self._is_odd_unit(pick)
            or answer_of(pick) is None
            or (pick.template not in ("count",) and trivial(pick.value))
        ):
            return False
        if pick.template == "count" and isinstance(pick.value, int) and pick.value < self.fewest:
            return False
        final = self.chain.final
        told = self.reader.told[final.id]
        given = [leaf for _, leaf in leaves(dict(final.call.arguments))]
        if told is not None and told.column:
            given.append(told.value)
            if pick.column is not None and pick.column.name == told.column:
                return False
        answers = pick.value if isinstance(pick.value, list) else [pick.value]
        if any(same(one, other) for one in (*answers, *pick.stated) for other in given):
            return False
        if any(same(one, other) for one in answers for other in pick.stated):
            return False
        if any(isinstance(one, str) and "/workspace" in one for one in [*answers, *pick.stated]):
            return False
        telling = [one for one in answers if _telling(one)]
        earlier = (self.chain.outputs[call.id] for call in self.chain.calls[:-1] if telling)
        if any(same(one, leaf) for output in earlier for _, leaf in leaves(output) for one in telling):
            return False
        profile = self.knowledge.profiles.get(final.call.key)
        volatile = profile.volatile_paths if profile else ()
        return not any(touches(pick.expression, path) for path in volatile)

    def _guessable(self, pick: Pick) -> bool:
        """Return whether the answer says how the call was made, or is one of very few."""
        final = self.chain.final
        output = self.chain.outputs[final.id]
        return self._echoes(pick) or bool(few_values(self.knowledge, final.call.key, output, pick.expression))

    def _echoes(self, pick: Pick) -> bool:
        expression = pick.expression
        keys = [part for part in expression.path if not isinstance(part, int)]
        top = expression.op == "value" and len(keys) == len(expression.path) == 1
        names = {normal(one.name) for one in parameters(self.chain.tools[expression.call])}
        return top and normal(str(keys[0])) in names

    def _task(self, answer: Pick) -> Task | None:
        """Return a task for the answer: the way to it is drawn, again where its words would not be plain."""
        for _ in range(_WAYS if len(self.chain.calls) > 1 else 1):
            task = self._told(answer)
            if task is not None:
                return task
        return None

    def _told(self, answer: Pick) -> Task | None:
        typed = answer_of(answer)
        hops = self.linker.hops(answer)
        if typed is None or hops is None or all(self._is_pure(hop) for hop in hops):
            return None
        hidden = [answer.value, *(pick.value for hop in hops for pick in hop.references.values())]
        said = [
            (text, name)
            for text, name in wordings(hops, answer, self.rng, self.phrasings + 1)
            if read_once(text)
            and not any(mention(text, value) for value in hidden)
            and all(_says_words(text, hop) for hop in hops)
        ]
        if not said:
            return None
        names = {hop.id: f"c{number}" for number, hop in enumerate(hops, start=1)}
        gold = tuple(self._gold(hop, names) for hop in hops)
        servers = {call.server for call in gold}
        return self._finished(said, typed, renamed(answer.expression, names), gold, servers)

    def _finished(
        self,
        said: Sequence[tuple[str, str]],
        typed: tuple[Answer, str],
        expression: Expression,
        gold: tuple[GoldCall, ...],
        servers: set[str],
        end_state: tuple[StateProbe, ...] = (),
    ) -> Task:
        return Task(
            question=said[0][0],
            phrasings=tuple(text for text, _ in said[1:]),
            answer_format=typed[1],
            answer=typed[0],
            expression=expression,
            gold_calls=gold,
            end_state=end_state,
            servers=tuple(sorted(servers)),
            world=self._world(servers),
            provenance=Provenance(
                exploration=self.exploration.id,
                synthesizer="template",
                template=said[0][1],
                sub_dag=self.exploration.sub_dag.id,
            ),
        )

    def _is_odd_unit(self, pick: Pick) -> bool:
        """Return whether a conversion leads to a unit that nobody uses for so little: a height in km."""
        told = self.reader.told[self.chain.final.id]
        small = isinstance(pick.value, float) and 0 < abs(pick.value) < _LEAST_IN_UNIT
        return small and told is not None and told.phrase.verb == "convert"

    def _is_pure(self, hop: Hop) -> bool:
        """Return whether the call only computes from its arguments: nobody needs the tools for it."""
        call = next(call for call in self.chain.calls if call.id == hop.id)
        profile = self.knowledge.profiles.get(call.call.key)
        return profile is not None and profile.pure is True

    def _gold(self, hop: Hop, names: Mapping[str, str]) -> GoldCall:
        call = next(call for call in self.chain.calls if call.id == hop.id)
        return GoldCall(
            id=names[hop.id],
            server=call.call.server,
            tool=call.call.tool,
            arguments=call.call.arguments,
            references={
                parameter: renamed(pick.expression, names) for parameter, pick in hop.references.items()
            },
            templates={name: text for name, text in call.templates.items() if name in hop.references},
        )

    def _world(self, servers: set[str]) -> str:
        fixtures = {self.knowledge.listings[server].fixture for server in servers} - {""}
        return min(fixtures, default="")


def _says_words(text: str, hop: Hop) -> bool:
    """Return whether a question says every word that a call was given, such as the sort of the things."""
    given = [value for value in hop.literals.values() if isinstance(value, str) and value.isalpha()]
    return all(value.lower() in text.lower() for value in given if value not in EVERY)


def _telling(value: JsonValue) -> bool:
    """Return whether meeting this value elsewhere is hardly chance."""
    return len(str(value)) >= 3 and not isinstance(value, bool)
