"""Links the calls of a chain: which are needed, and how each passed value is singled out in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from random import Random

from pydantic import JsonValue

from firefly.english import vocabulary, words
from firefly.knowledge import Knowledge
from firefly.mentions import mention, normal, same
from firefly.outputs import leaves
from firefly.records import ExploredCall
from firefly.replay.expressions import ExpressionError, evaluate, is_number
from firefly.replay.records import Expression, PathPart
from firefly.synthesis.picks import Pick, field_picks, scalar_picks
from firefly.synthesis.questions import Hop
from firefly.synthesis.reading import ChainReader, may_be_one
from firefly.synthesis.shown import is_proper
from firefly.synthesis.telling import Told, is_plain_home, tellable
from firefly.synthesis.things import NAMED
from firefly.synthesis.told import QUERIES

__all__ = ["Linker", "trivial"]

_SMALL = 12
"""Whole numbers up to this are too easily guessed to be worth asking for."""
_MEASURING = ("convert", "reduce")
_STATES = vocabulary("status state type kind category level priority mode")
"""Fields that many things share: nobody means one thing's, to look for others."""
_PLAIN = 0.5
"""Weight from which on the words for a thing are plain."""
_KNOWN = {"extreme": 3.0, "find": 1.0, "only": 2.0, "field": 3.0, "all": 0.5, "scalar": 2.0}
"""How gladly a value is singled out in each way."""


class Linker:
    """Finds the words for the values that the calls of one chain pass on."""

    def __init__(self, reader: ChainReader, knowledge: Knowledge, rng: Random) -> None:
        self.reader = reader
        self.chain = reader.chain
        self.knowledge = knowledge
        self.rng = rng
        self.passed = [
            leaf
            for call in self.chain.calls
            for parameter in call.references
            for _, leaf in leaves(reader.passed(call, parameter))
        ]

    def hops(self, answer: Pick) -> list[Hop] | None:
        """Return the calls that the answer needs, each referenced value singled out in words."""
        hops: list[Hop] = []
        wanted = {answer.expression.call}
        chosen: dict[str, Pick] = {}
        for call in reversed(self.chain.calls):
            if call.id not in wanted:
                continue
            told = self.reader.told[call.id]
            here = [one for one in (answer, *chosen.values()) if one.expression.call == call.id]
            given = self._given(call, told, here, chosen) if told is not None else None
            if told is None or given is None:
                return None
            literals, references = given
            wanted |= {pick.expression.call for pick in references.values()}
            chosen |= {f"{call.id}.{parameter}": pick for parameter, pick in references.items()}
            if not all(self._coherent(call, call.references[name], references) for name in references):
                return None
            if told.phrase.verb in _MEASURING and not all(
                any(one.isalpha() for one in str(pick.value)) for pick in references.values()
            ):
                return None  # nobody converts a number without a unit
            hop = self._hop(call, told, literals, references, here)
            if not hop.column and all(map(_is_named, here)) and set(map(_is_query, hop.literals)) == {True}:
                return None  # nobody searches for what is called by its key
            hops.append(hop)
        return hops[::-1]

    def _given(
        self, call: ExploredCall, told: Told, here: Sequence[Pick], chosen: Mapping[str, Pick]
    ) -> tuple[dict[str, JsonValue], dict[str, Pick]] | None:
        """Return the arguments that are told as they are, and how the others are found; None: can't be."""
        literals: dict[str, JsonValue] = dict(told.literals)
        references: dict[str, Pick] = {}
        listing = self.knowledge.listings[call.call.server]
        for parameter, reference in sorted(call.references.items()):
            value = self.reader.passed(call, parameter)
            if value in listing.launch_values or self.reader.is_idle(call, parameter):
                continue
            if is_plain_home(parameter, value):
                continue
            known = [*chosen.values(), *references.values()]
            pick = (
                None if trivial(value) else self._select(reference, value, known, _siblings(call, parameter))
            )
            if pick is not None and self._is_beside(call, parameter, here):
                return None  # who names a thing needs nothing else to find it
            if pick is not None:
                references[parameter] = pick
            elif tellable(value) and parameter not in call.templates:
                literals[parameter] = value
            else:
                return None
        return literals, references

    def _hop(
        self,
        call: ExploredCall,
        told: Told,
        literals: Mapping[str, JsonValue],
        references: Mapping[str, Pick],
        picks: Sequence[Pick],
    ) -> Hop:
        column, value, sole = told.column, told.value, self.reader.sole_of(call)
        if not told.is_query:
            literals = {name: one for name, one in literals.items() if not _says_less(name, one, picks)}
            if len(literals) + len(references) == 1 and not call.templates:
                (parameter,) = {*literals, *references}
                paths = [pick.expression.path for pick in picks]
                column, sole = self.reader.looked_up(call, parameter, paths)
                value = literals.get(parameter) if column else None
        return Hop(
            call.id,
            told.phrase,
            literals,
            references,
            files=self.knowledge.listings[call.call.server].files,
            column=column,
            value=value,
            sole=sole,
            templates=call.templates,
        )

    def _is_beside(self, call: ExploredCall, parameter: str, picks: Sequence[Pick]) -> bool:
        """Return whether what is read of a call are things called by their names, found without it, too.

        They are where a search text leads to them, and where another value of the parameter did.
        """
        if not picks or not all(map(_is_named, picks)):
            return False
        if _is_query(parameter):
            return True
        things = [
            evaluate(pick.expression.model_copy(update={"field": ()}), self.chain.outputs) for pick in picks
        ]
        return all(self.reader.is_elsewhere(call, parameter, thing) for thing in things)

    def found(self, call: ExploredCall, parameter: str) -> Pick | None:
        """Return how the value that an earlier call gave to ``parameter`` is singled out; None: can't be."""
        value = self.reader.passed(call, parameter)
        if trivial(value):
            return None
        pick = self._select(call.references[parameter], value, [])
        return (
            pick
            if pick is not None and self._coherent(call, call.references[parameter], {parameter})
            else None
        )

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
        found = [one for listed in self.reader.lists(call) for one in listed.collection.items]
        if item in found and len(found) == 1:
            return False  # it looks up the very thing that it was told of
        beside = item if isinstance(item, dict) else {}
        return all(may_be_one(beside[name], value) for name, value in literals.items() if name in beside)

    def _select(
        self,
        reference: Expression,
        value: JsonValue,
        beside: Sequence[Pick],
        siblings: Collection[tuple[PathPart, ...]] = (),
    ) -> Pick | None:
        """Return a way to single out the referenced value in its parent's output.

        Two values of one item, passed to one call, are singled out alike (``beside``): by none of the fields
        that are passed themselves (``siblings``).
        """
        parent = next(call for call in self.chain.calls if call.id == reference.call)
        options: list[Pick] = []
        told = self.reader.told[parent.id]
        if told is not None and told.scalar:
            options += scalar_picks(parent.id, self.chain.outputs[parent.id], told.scalar)
        for pick in field_picks(parent.id, self.chain.outputs[parent.id]):
            if pick.expression.path == reference.path and reference.op == "value":
                options.append(pick)
        for listed in self.reader.lists(parent):
            wanted = _field_of(reference, listed.collection.path)
            if wanted is None:
                continue
            options += listed.as_found(reference)
            column = listed.collection.column(wanted)
            if column is None:
                continue
            for index, one in enumerate(column.values):
                if one == value and type(one) is type(value):
                    options += listed.items(wanted, index)
        given = [leaf for _, leaf in leaves(dict(parent.call.arguments))]
        usable = [
            pick
            for pick in options
            if pick.value == value
            and pick.role not in ("form", "flag")
            and (pick.role != "state" or _are_names(pick))
            and not (pick.column is not None and set(words(pick.column.name)) & _STATES)
            and not any(path in siblings for path in _fields(pick.expression))
            and not mention(pick.noun, value)
            and not any(same(one, other) for one in pick.stated for other in (*given, *self.passed))
        ]
        if not usable:
            return None
        alike = {_selector(pick) for pick in beside}
        usable = [pick for pick in usable if _selector(pick) in alike] or usable
        usable = [pick for pick in usable if pick.weight >= _PLAIN] or usable
        kinds = sorted({pick.template for pick in usable})
        kind = self.rng.choices(kinds, [_KNOWN[kind] for kind in kinds])[0]
        chosen = [pick for pick in usable if pick.template == kind]
        return self.rng.choices(chosen, [pick.weight for pick in chosen])[0]


def _is_named(pick: Pick) -> bool:
    """Return whether the thing that the pick belongs to is called by its own key or name."""
    told_by = {word for path in _fields(pick.expression) for key in path for word in words(str(key))}
    return pick.template == "find" and (pick.weight >= NAMED or bool(told_by & {"name", "title"}))


def _is_query(parameter: str) -> bool:
    return bool(set(words(parameter)) & QUERIES)


def _says_less(name: str, value: JsonValue, picks: Sequence[Pick]) -> bool:
    """Return whether a search text is part of the names that are told: it singles nothing out besides.

    >>> _says_less("limit", 5, [])
    False
    """
    if not picks or not _is_query(name) or any(pick.template != "find" for pick in picks):
        return False
    return all(any(normal(str(value)) in normal(str(one)) for one in pick.stated) for pick in picks)


def _are_names(pick: Pick) -> bool:
    """Return whether what several things share is somebody's name, such as a company's."""
    values = [str(one) for one in pick.column.values] if pick.column is not None else []
    return all(map(is_proper, values)) and any(" " in one for one in values)


def _fields(expression: Expression) -> tuple[tuple[PathPart, ...], ...]:
    """Return the fields by which an expression singles out its item."""
    by = (expression.by,) if expression.op == "sort" else ()
    return (*by, *(condition.field for condition in expression.where))


def _siblings(call: ExploredCall, parameter: str) -> list[tuple[PathPart, ...]]:
    """Return the fields of the same parent that the call takes its other values from."""
    own = call.references[parameter]
    return [
        other.field
        for name, other in call.references.items()
        if name != parameter and other.call == own.call and other.path == own.path and other.field
    ]


def _selector(pick: Pick) -> str:
    """Return what says which item is meant, whatever its field."""
    return pick.expression.model_copy(update={"field": ()}).to_json()


def renamed(expression: Expression, names: Mapping[str, str]) -> Expression:
    return expression.model_copy(update={"call": names[expression.call]})


def _field_of(reference: Expression, path: tuple[PathPart, ...]) -> tuple[PathPart, ...] | None:
    """Return the field, within an item of the list at ``path``, that ``reference`` reads."""
    if reference.op in ("where", "sort"):
        return reference.field if reference.path == path else None
    head, rest = reference.path[: len(path)], reference.path[len(path) :]
    if reference.op == "value" and head == path and rest and isinstance(rest[0], int):
        return rest[1:]
    return None


def trivial(value: JsonValue) -> bool:
    """Return whether anybody would guess the value: a small number, a letter."""
    if is_number(value):
        return abs(float(str(value))) <= _SMALL and float(str(value)).is_integer()
    return isinstance(value, bool) or (isinstance(value, str) and len(value) < 2)
