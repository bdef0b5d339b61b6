"""From a formula over what a chain of calls returned to a task: the answer is computed and typed by rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from pydantic import JsonValue

from firefly.english import words
from firefly.knowledge import Knowledge
from firefly.lm.formulas import Formula, FormulaError, expression_of
from firefly.outputs import leaves
from firefly.records import Exploration, ExploredCall
from firefly.replay.expressions import ExpressionError, evaluate, read, same
from firefly.replay.records import Answer, Condition, Expression, GoldCall, Provenance, Task
from firefly.synthesis.answers import answer_of
from firefly.synthesis.chains import Chain, may_be_cut
from firefly.synthesis.columns import Column, fields
from firefly.synthesis.faithful import Needs, all_words, directions
from firefly.synthesis.labels import label_of
from firefly.synthesis.picks import Pick, Template, unit_of
from firefly.synthesis.reading import ChainReader
from firefly.synthesis.sql import is_statement
from firefly.synthesis.telling import premises

__all__ = ["Outcome", "Outcomes", "names_of", "world_of"]

_TEMPLATES: Mapping[str, Template] = {
    "value": "field", "where": "find", "count": "count", "sum": "total", "min": "fold", "max": "fold",
    "sort": "top",
}  # fmt: skip
_PLAIN = frozenset(("id", "name", "code", "key", "number", "value", "text", "title", "from", "to", "of"))
"""Words of a field's or parameter's name that tell it from no other."""
_LIMIT = re.compile(r"\blimit\s+(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """An answer that a chain shows, with the calls that it needs and what a question about it has to say."""

    answer: Answer
    answer_format: str
    expression: Expression
    """Over the exploration's own names of calls."""
    value: JsonValue
    """What the expression computes, before it is rounded for the answer."""
    calls: tuple[ExploredCall, ...]
    needs: Needs

    def task(self, question: str, exploration: Exploration, knowledge: Knowledge, **more: object) -> Task:
        """Return the task that asks for it.

        Args:
            question: in words that were checked against ``needs``.
            exploration: where it was observed.
            knowledge: what is known of the servers.
            more: further fields; ``synthesizer`` is that of the provenance.

        """
        names = {call.id: f"c{number}" for number, call in enumerate(self.calls, start=1)}
        synthesizer = str(more.pop("synthesizer", ""))
        gold = tuple(_gold(call, names) for call in self.calls)
        servers = tuple(sorted({call.server for call in gold}))
        return Task.model_validate(
            {
                "question": question,
                "answer_format": self.answer_format,
                "answer": self.answer,
                "expression": _renamed(self.expression, names),
                "gold_calls": gold,
                "servers": servers,
                "world": world_of(servers, knowledge),
                "provenance": Provenance(
                    exploration=exploration.id, synthesizer=synthesizer, sub_dag=exploration.sub_dag.id
                ),
                **more,
            }
        )


class Outcomes:
    """What one chain shows."""

    def __init__(self, chain: Chain, knowledge: Knowledge, rng: Random, *, english: bool = True) -> None:
        self.chain, self._knowledge, self._english = chain, knowledge, english
        self._reader = ChainReader(chain, knowledge, rng, {})

    def read(self, formula: Formula) -> Outcome:
        """Return what a formula reads.

        Raises:
            FormulaError: it has no single value, or none that may be asked for.
        """
        expression, value = expression_of(formula, self.chain.outputs)
        self._refuse_parts(expression)
        expression = self._joined(expression, value)
        typed = answer_of(self._pick(expression, value))
        if typed is None:
            raise FormulaError(f"{value!r} is no answer that can be graded")
        calls = self._wanted(expression)
        stated: list[JsonValue] = [one.value for one in expression.where if one.reference is None]
        if expression.limit not in (None, 1):
            stated.append(expression.limit)
        for call in calls:
            told = self._premises(call)
            if told is None:
                raise FormulaError(f"an argument of {call.call.tool} can't be told in words")
            stated += told
        needs = self._needs(expression, value, calls, stated)
        return Outcome(typed[0], typed[1], expression, value, calls, needs)

    def _wanted(self, expression: Expression) -> tuple[ExploredCall, ...]:
        wanted = {expression.call}
        for call in reversed(self.chain.calls):
            if call.id in wanted:
                wanted |= {name for one in call.references.values() for name in one.calls}
        return tuple(call for call in self.chain.calls if call.id in wanted)

    def _joined(self, expression: Expression, value: JsonValue) -> Expression:
        """Return the expression without conditions on values that were passed on, which no question may say.

        One that all items meet anyway is left out, another asks for whatever was passed on.
        """
        passed = [one for call in self._wanted(expression) for one in call.references.values()]
        found = expression
        for condition in expression.where:
            origin = next((one for one in passed if same(self._value(one), condition.value)), None)
            if origin is None or condition.compare != "equals":
                continue
            others = tuple(one for one in found.where if one is not condition)
            without = found.model_copy(update={"where": others})
            if same(self._value(without), value):
                found = without
            else:
                joined = condition.model_copy(update={"reference": origin})
                found = found.model_copy(
                    update={"where": tuple(joined if one is condition else one for one in found.where)}
                )
        return found

    def _premises(self, call: ExploredCall) -> list[JsonValue] | None:
        return premises(
            call,
            self.chain.tools[call.id],
            self._knowledge.listings[call.call.server].launch_values,
            idle=lambda name: self._reader.is_idle(call, name),
        )

    def _needs(
        self, expression: Expression, value: JsonValue, calls: Sequence[ExploredCall], stated: list[JsonValue]
    ) -> Needs:
        passed = [one for call in calls for one in call.references.values()]
        hidden = [value, *(self._value(one) for one in passed)]
        for one in passed:
            stated += [condition.value for condition in one.where if condition.reference is None]
            if one.limit not in (None, 1):
                stated.append(one.limit)
        beside = self._beside(expression)
        queries = [text for call in calls for text in call.call.arguments.values() if is_statement(text)]
        return Needs(
            stated=tuple(one for one in _distinct(stated) if not isinstance(one, bool)),
            hidden=tuple(hidden),
            names=names_of({call.call.server for call in calls}, self._knowledge),
            allowed=_vocabulary(calls, self.chain, self._knowledge),
            directions=directions([expression, *passed]),
            field=_field_words(expression),
            others=self._unnamed(beside, expression, calls),
            beside=beside,
            hops=tuple(self._hops(calls)),
            fold=expression.op if expression.op in ("count", "sum") else "",
            ordered=bool(queries),
            english=self._english,
        )

    def _beside(self, expression: Expression) -> tuple[str, ...]:
        """Return the words of the fields beside the one that is read."""
        path = expression.path if expression.op == "value" else (*expression.path, 0, *expression.field)
        try:
            holder = read(self.chain.outputs[expression.call], path[:-1])
        except ExpressionError:
            return ()
        own = path[-1] if path else ""
        keys = [" ".join(words(key)) for key in holder if key != own] if isinstance(holder, dict) else []
        return tuple(filter(None, keys))

    @staticmethod
    def _unnamed(
        beside: Sequence[str], expression: Expression, calls: Sequence[ExploredCall]
    ) -> tuple[str, ...]:
        """Return those of the fields that a question has no reason to name."""
        passed = [one for call in calls for one in call.references.values()]
        told = {part for one in [expression, *passed] for part in (*one.by, *one.field, *one.path)}
        told |= {part for one in [expression, *passed] for having in one.where for part in having.field}
        named = {" ".join(words(str(one))) for one in told}
        named |= {" ".join(words(name)) for call in calls for name in call.call.arguments}
        return tuple(key for key in beside if key not in named)

    def _hops(self, calls: Sequence[ExploredCall]) -> Iterator[str]:
        """Yield what has to be said of values that are passed on: those beside which others look alike.

        "The dimension of the item of load 1448.25 lb" means that of the load, unless the height is named.
        """
        for call in calls:
            for name, one in call.references.items():
                field = one.path if one.op == "value" else one.field
                value = self._value(one)
                if not field or not isinstance(field[-1], str) or isinstance(value, dict | list | type(None)):
                    continue
                holders = self._holders(one, field, value)
                shape = _shape(value)
                alike = any(
                    _shape(other) == shape
                    for holder in holders
                    for key, other in holder.items()
                    if key != field[-1] and not isinstance(other, dict | list | bool | type(None))
                )
                said = [word for word in words(f"{field[-1]} {name}") if word not in _PLAIN]
                if alike and said:
                    yield " ".join(dict.fromkeys(said))

    def _holders(
        self, one: Expression, field: Sequence[str | int], value: JsonValue
    ) -> list[Mapping[str, JsonValue]]:
        """Return the objects that a passed value may have been taken from."""
        try:
            within = read(self.chain.outputs[one.call], one.path[:-1] if one.op == "value" else one.path)
        except ExpressionError:
            return []
        found: list[Mapping[str, JsonValue]] = []
        for item in within if isinstance(within, list) else [within]:
            try:
                holder = read(item, field[:-1] if one.op != "value" else ())
            except ExpressionError:
                continue
            if isinstance(holder, dict) and holder.get(str(field[-1])) == value:
                found.append(holder)
        return found

    def _value(self, expression: Expression) -> JsonValue:
        try:
            return evaluate(expression, self.chain.outputs)
        except ExpressionError:
            return None

    def _refuse_parts(self, expression: Expression) -> None:
        """Refuse what is said of a list that may be a part only, and items taken by their position."""
        output = self.chain.outputs[expression.call]
        for place, part in enumerate(expression.path):
            within = read(output, expression.path[:place])
            if isinstance(part, int) and isinstance(within, list) and len(within) > 1:
                raise FormulaError(f"it takes item {part} of {len(within)} by its position")
        items = read(output, expression.path)
        if expression.op == "value" or not isinstance(items, list):
            return
        call = next(one for one in self.chain.calls if one.id == expression.call)
        limits = [
            int(found)
            for text in call.call.arguments.values()
            if isinstance(text, str) and is_statement(text)
            for found in _LIMIT.findall(text)
        ]
        if len(items) in limits or may_be_cut(call, self.chain.tools[call.id], output, len(items)):
            raise FormulaError("the list may be a part of what there is")

    def _pick(self, expression: Expression, value: JsonValue) -> Pick:
        output = self.chain.outputs[expression.call]
        path = expression.path if expression.op == "value" else (*expression.path, *expression.field)
        values = tuple(value) if isinstance(value, list) else (value,)
        column = None if expression.op == "count" else Column(path, values)
        label = "value" if column is None else label_of(column)
        order = ""
        if expression.op == "sort":
            by = ".".join(str(part) for part in expression.by if isinstance(part, str)) or label
            ends = "highest first" if expression.descending else "lowest first"
            order = f"ordered by {' '.join(re.split(r'[_.]+', by))}, {ends}"
        pick = Pick(expression, value, "", label, _TEMPLATES[expression.op], column, order=order)
        holder = read(output, path[:-1]) if expression.op == "value" and path else None
        if column is not None and isinstance(holder, dict):
            beside = [Column((*path[:-1], *one), (found,)) for one, found in fields(holder)]
            pick = replace(pick, unit=unit_of(column, beside))
        return pick


def _field_words(expression: Expression) -> str:
    """Return the words of the field that is read; "" where items are counted."""
    keys = [part for part in (*expression.path, *expression.field) if isinstance(part, str)]
    return " ".join(words(keys[-1])) if keys and expression.op != "count" else ""


def names_of(servers: set[str], knowledge: Knowledge) -> tuple[str, ...]:
    """Return the names that no question may say: of the servers and their tools."""
    return tuple(sorted({*servers, *(tool for server, tool in knowledge.tools if server in servers)}))


def world_of(servers: Sequence[str], knowledge: Knowledge) -> str:
    """Return the digest of the world that the servers start from; "" where they have none."""
    return min({knowledge.listings[server].fixture for server in servers} - {""}, default="")


def _vocabulary(calls: Sequence[ExploredCall], chain: Chain, knowledge: Knowledge) -> str:
    """Return the words that a question may use besides stated values: of tools, keys and files."""
    texts = []
    for call in calls:
        tool = chain.tools[call.id]
        texts += [tool.name, tool.title, tool.description, *call.call.arguments]
        texts += [
            str(part) for path, _ in leaves(chain.outputs[call.id]) for part in path if isinstance(part, str)
        ]
        texts += [
            text for text in call.call.arguments.values() if is_statement(text) and isinstance(text, str)
        ]
        texts += knowledge.listings[call.call.server].files
    return all_words(list(dict.fromkeys(texts)))


def _gold(call: ExploredCall, names: Mapping[str, str]) -> GoldCall:
    return GoldCall(
        id=names[call.id],
        server=call.call.server,
        tool=call.call.tool,
        arguments=call.call.arguments,
        references={name: _renamed(one, names) for name, one in call.references.items()},
        templates={name: text for name, text in call.templates.items() if name in call.references},
    )


def _renamed(expression: Expression, names: Mapping[str, str]) -> Expression:
    where = tuple(
        Condition(
            field=one.field,
            value=one.value,
            compare=one.compare,
            reference=None if one.reference is None else _renamed(one.reference, names),
        )
        for one in expression.where
    )
    return expression.model_copy(update={"call": names[expression.call], "where": where})


def _shape(value: JsonValue) -> str:
    """Return what a value looks like: its letters and digits, each run as one."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+(?:[.,]\d+)*", "9", str(value)))


def _distinct(values: Sequence[JsonValue]) -> list[JsonValue]:
    found: dict[str, JsonValue] = {repr(value): value for value in values}
    return list(found.values())
