"""Writes tasks from templates: backward from the values that an exploration observed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from random import Random

from pydantic import JsonValue

from firefly.domains import few_values
from firefly.knowledge import Knowledge
from firefly.mentions import mention, normal, same
from firefly.outputs import leaves
from firefly.parameters import parameters
from firefly.plugins import register
from firefly.records import Exploration, ExploredCall
from firefly.replay.expressions import ExpressionError, evaluate, is_number
from firefly.replay.records import Expression, GoldCall, PathPart, Provenance, Task
from firefly.synthesis.answers import answer_of
from firefly.synthesis.chains import Chain, chains, may_be_cut
from firefly.synthesis.columns import collections
from firefly.synthesis.listed import Listed
from firefly.synthesis.phrases import item_noun
from firefly.synthesis.picks import Pick, field_picks, scalar_picks
from firefly.synthesis.questions import Hop, compose
from firefly.synthesis.telling import settled, tellable, told

_WEIGHTS = {
    "extreme": 3.0,
    "field": 2.5,
    "fold": 2.0,
    "total": 2.5,
    "top": 2.0,
    "find": 2.0,
    "count": 1.5,
    "only": 0.5,
    "scalar": 2.0,
}
_ATTEMPTS = 60
"""Answers tried for one exploration before giving up."""
_SMALL = 12
"""Whole numbers up to this are too easily guessed to be worth asking for."""


@register("synthesizer", "template")
class Template:
    """Writes plainly worded tasks without a language model."""

    def __init__(self, *, tasks: int = 4) -> None:
        """Set the limit.

        Args:
            tasks: most tasks written from one exploration.

        """
        if tasks < 1:
            raise ValueError("tasks >= 1 is needed")
        self.tasks = tasks

    def write(self, exploration: Exploration, *, knowledge: Knowledge, rng: Random) -> list[Task]:
        """Return task candidates; their answers are computed from what the calls returned."""
        written: list[Task] = []
        for chain in chains(exploration, knowledge):
            writer = _Writer(exploration, chain, knowledge, rng)
            written += writer.tasks(self.tasks - len(written))
            if len(written) >= self.tasks:
                break
        return written


class _Writer:
    """Writes the tasks of one chain."""

    def __init__(self, exploration: Exploration, chain: Chain, knowledge: Knowledge, rng: Random) -> None:
        self.exploration = exploration
        self.chain = chain
        self.knowledge = knowledge
        self.rng = rng
        self.passed = [
            leaf
            for call in chain.calls
            for parameter in call.references
            for _, leaf in leaves(call.call.arguments[parameter])
        ]
        self.told = {
            call.id: told(call, chain.tools[call.id], knowledge.listings[call.call.server].launch_values)
            for call in chain.calls
        }

    def tasks(self, limit: int) -> list[Task]:
        """Return at most ``limit`` tasks with answers of different kinds."""
        left = [pick for pick in self._answers() if self._worth_asking(pick) and not self._guessable(pick)]
        found: list[Task] = []
        asked: set[tuple[str, tuple[PathPart, ...], tuple[PathPart, ...]]] = set()
        for _ in range(_ATTEMPTS):
            if not left or len(found) >= limit:
                break
            pick = self._draw(left)
            left.remove(pick)
            kind = (pick.template, pick.expression.path, pick.expression.field)
            if kind in asked:
                continue
            task = self._task(pick)
            if task is not None:
                asked.add(kind)
                found.append(task)
        return found

    def _draw(self, picks: Sequence[Pick]) -> Pick:
        """Draw a kind of question first, then one of that kind: lists offer more answers than objects."""
        kinds = sorted({pick.template for pick in picks})
        kind = self.rng.choices(kinds, [_WEIGHTS[kind] for kind in kinds])[0]
        return self.rng.choice([pick for pick in picks if pick.template == kind])

    def _answers(self) -> Iterator[Pick]:
        call = self.chain.final
        output = self.chain.outputs[call.id]
        told = self.told[call.id]
        if told is None:
            return
        if told.scalar:
            yield from scalar_picks(call.id, output, told.scalar)
            return
        if not told.is_query:
            yield from field_picks(call.id, output)
        for listed in self._lists(call, minimum=1):
            yield from listed.items()
            yield from listed.folds()

    def _lists(self, call: ExploredCall, minimum: int = 2) -> Iterator[Listed]:
        output, tool, told = self.chain.outputs[call.id], self.chain.tools[call.id], self.told[call.id]
        if told is None:
            return
        asked = {normal(leaf) for _, leaf in leaves(dict(call.call.arguments)) if isinstance(leaf, str)}
        for collection in collections(call.id, output, minimum):
            if not settled(told, collection.columns):
                continue
            if told.is_query and () in (column.path for column in collection.columns):
                continue  # the names of the columns, beside the rows
            cut_off = collection.headed or may_be_cut(call, tool, output, len(collection.items))
            if asked & {normal(part) for part in collection.path if isinstance(part, str)}:
                continue  # a key that is data: what was asked for, by its name
            noun = item_noun(told.phrase, collection.path)
            unnamed = noun == "entry" and call.id in self.chain.tables
            if unnamed or any(column.title for column in collection.columns):
                noun = "row"
            yield Listed(collection, noun, cut_off=cut_off, counted=told.limited, rng=self.rng)

    def _worth_asking(self, pick: Pick) -> bool:
        """Return whether the answer is news: not an argument, not volatile, not a place on a disk."""
        if answer_of(pick) is None or _trivial(pick.value):
            return False
        final = self.chain.final
        given = [leaf for _, leaf in leaves(dict(final.call.arguments))]
        answers = pick.value if isinstance(pick.value, list) else [pick.value]
        if any(same(one, other) for one in (*answers, *pick.stated) for other in given):
            return False
        if any(same(one, other) for one in answers for other in pick.stated):
            return False
        if any(isinstance(one, str) and "/workspace" in one for one in [*answers, *pick.stated]):
            return False
        earlier = [leaf for call in self.chain.calls[:-1] for _, leaf in leaves(self.chain.outputs[call.id])]
        if any(_telling(one) and same(one, leaf) for one in answers for leaf in earlier):
            return False
        profile = self.knowledge.profiles.get(final.call.key)
        volatile = profile.volatile_paths if profile else ()
        return not any(_below(path, pick.expression) for path in volatile)

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
        typed = answer_of(answer)
        hops = self._hops(answer)
        if typed is None or hops is None:
            return None
        question, template = compose(hops, answer, self.rng)
        hidden = [answer.value, *(pick.value for hop in hops for pick in hop.references.values())]
        if any(mention(question, value) for value in hidden):
            return None
        names = {hop.id: f"c{number}" for number, hop in enumerate(hops, start=1)}
        gold = tuple(self._gold(hop, names) for hop in hops)
        return Task(
            question=question,
            answer_format=typed[1],
            answer=typed[0],
            expression=_renamed(answer.expression, names),
            gold_calls=gold,
            servers=tuple(sorted({call.server for call in gold})),
            world=self._world({call.server for call in gold}),
            provenance=Provenance(
                exploration=self.exploration.id,
                synthesizer="template",
                template=template,
                sub_dag=self.exploration.sub_dag.id,
            ),
        )

    def _hops(self, answer: Pick) -> list[Hop] | None:
        """Return the calls that the answer needs, each referenced value singled out in words."""
        hops: list[Hop] = []
        wanted = {answer.expression.call}
        for call in reversed(self.chain.calls):
            if call.id not in wanted:
                continue
            told = self.told[call.id]
            if told is None:
                return None
            literals: dict[str, object] = dict(told.literals)
            references: dict[str, Pick] = {}
            given = self.knowledge.listings[call.call.server].launch_values
            for parameter, reference in sorted(call.references.items()):
                value = call.call.arguments[parameter]
                if value in given:
                    continue
                pick = None if _trivial(value) else self._select(reference, value, list(references.values()))
                if pick is not None:
                    references[parameter] = pick
                    wanted.add(pick.expression.call)
                elif tellable(value):
                    literals[parameter] = value
                else:
                    return None
            if not all(self._coherent(call, call.references[name], references) for name in references):
                return None
            hops.append(Hop(call.id, told.phrase, literals, references))
        return hops[::-1]

    def _coherent(self, call: ExploredCall, reference: Expression, passed: Collection[str]) -> bool:
        """Return whether a call is about the same thing as the one it takes a value from.

        ``passed`` are the parameters whose values are found on the way; the others are told.

        A paragraph's number found in one document says nothing of another document, nor does a sheet's
        name found beside the path of one workbook say anything of another workbook.
        """
        other = next(one for one in self.chain.calls if one.id == reference.call)
        literals = {name: value for name, value in call.call.arguments.items() if name not in passed}
        if call.call.server == other.call.server and any(
            other.call.arguments.get(name, value) != value for name, value in literals.items()
        ):
            return False
        holder = {"path": reference.path[:-1]} if reference.op == "value" else {"field": ()}
        try:
            item = evaluate(reference.model_copy(update=holder), self.chain.outputs)
        except ExpressionError:
            return True
        beside = item if isinstance(item, dict) else {}
        return all(_may_be_one(beside[name], value) for name, value in literals.items() if name in beside)

    def _select(self, reference: Expression, value: JsonValue, beside: Sequence[Pick]) -> Pick | None:
        """Return a way to single out the referenced value in its parent's output.

        Two values of one item, passed to one call, are singled out alike (``beside``).
        """
        parent = next(call for call in self.chain.calls if call.id == reference.call)
        options: list[Pick] = []
        told = self.told[parent.id]
        if told is not None and told.scalar:
            options += scalar_picks(parent.id, self.chain.outputs[parent.id], told.scalar)
        for pick in field_picks(parent.id, self.chain.outputs[parent.id]):
            if pick.expression.path == reference.path and reference.op == "value":
                options.append(pick)
        for listed in self._lists(parent, minimum=1):
            wanted = _field_of(reference, listed.collection.path)
            if wanted is None:
                continue
            options += listed.as_found(reference)
            column = listed.collection.column(wanted)
            if column is None:
                continue
            for index, one in enumerate(column.values):
                if one == value and type(one) is type(value) and column.is_unique(index):
                    options += listed.items(wanted, index)
        known = {"extreme": 3.0, "find": 1.0, "only": 1.0, "field": 3.0, "all": 1.0, "scalar": 3.0}
        given = [leaf for _, leaf in leaves(dict(parent.call.arguments))]
        usable = [
            pick
            for pick in options
            if pick.value == value
            and not mention(pick.noun, value)
            and not any(same(one, other) for one in pick.stated for other in (*given, *self.passed))
        ]
        if not usable:
            return None
        alike = {_selector(pick) for pick in beside}
        usable = [pick for pick in usable if _selector(pick) in alike] or usable
        kinds = sorted({pick.template for pick in usable})
        kind = self.rng.choices(kinds, [known[kind] for kind in kinds])[0]
        return self.rng.choice([pick for pick in usable if pick.template == kind])

    def _gold(self, hop: Hop, names: Mapping[str, str]) -> GoldCall:
        call = next(call for call in self.chain.calls if call.id == hop.id)
        return GoldCall(
            id=names[hop.id],
            server=call.call.server,
            tool=call.call.tool,
            arguments=call.call.arguments,
            references={
                parameter: _renamed(pick.expression, names) for parameter, pick in hop.references.items()
            },
        )

    def _world(self, servers: set[str]) -> str:
        fixtures = {self.knowledge.listings[server].fixture for server in servers} - {""}
        return min(fixtures, default="")


def _may_be_one(one: JsonValue, other: JsonValue) -> bool:
    """Return whether two values may mean one thing: "plan.xlsx" and "/workspace/books/plan.xlsx"."""
    if isinstance(one, str) and isinstance(other, str):
        return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
    return one == other


def _selector(pick: Pick) -> str:
    """Return what says which item is meant, whatever its field."""
    return pick.expression.model_copy(update={"field": ()}).to_json()


def _renamed(expression: Expression, names: Mapping[str, str]) -> Expression:
    return expression.model_copy(update={"call": names[expression.call]})


def _field_of(reference: Expression, path: tuple[PathPart, ...]) -> tuple[PathPart, ...] | None:
    """Return the field, within an item of the list at ``path``, that ``reference`` reads."""
    if reference.op in ("where", "sort"):
        return reference.field if reference.path == path else None
    head, rest = reference.path[: len(path)], reference.path[len(path) :]
    if reference.op == "value" and head == path and rest and isinstance(rest[0], int):
        return rest[1:]
    return None


def _trivial(value: JsonValue) -> bool:
    """Return whether anybody would guess the value: a small number, a letter."""
    if is_number(value):
        return abs(float(str(value))) <= _SMALL and float(str(value)).is_integer()
    return isinstance(value, bool) or (isinstance(value, str) and len(value) < 2)


def _telling(value: JsonValue) -> bool:
    """Return whether meeting this value elsewhere is hardly chance."""
    return len(str(value)) >= 3 and not isinstance(value, bool)


def _below(volatile: tuple[PathPart, ...], expression: Expression) -> bool:
    """Return whether the expression reads something at or below a volatile path."""
    shape = [part for part in volatile if part != "*" and not isinstance(part, int)]
    for tail in (expression.field, expression.by, *(condition.field for condition in expression.where)):
        keys = [part for part in (*expression.path, *tail) if not isinstance(part, int)]
        if keys[: len(shape)] == shape or shape[: len(keys)] == keys:
            return True
    return False
