"""The ways to single out values in a list of like items, and what is said of the list as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from random import Random
from typing import Literal

from pydantic import JsonValue

from firefly.english import number_word, words
from firefly.mentions import same
from firefly.replay.expressions import ExpressionError, evaluate
from firefly.replay.records import Condition, Expression, PathPart
from firefly.synthesis.columns import Collection, Column
from firefly.synthesis.groups import Group, equals, groups_of
from firefly.synthesis.labels import labels
from firefly.synthesis.picks import Pick, Template, many, unit_of

_ITEM_LIMIT = 8
"""Most items of one list that are asked about by one key."""


class Listed:
    """The picks from one list of like items."""

    def __init__(
        self, collection: Collection, noun: str, *, cut_off: bool, counted: bool = False, rng: Random
    ) -> None:
        """Prepare.

        Args:
            collection: the list.
            noun: what one item is called.
            cut_off: whether the list may have been cut (a limit reached): then nothing is said about
                all of it.
            counted: whether the words for the list say how many items there are.
            rng: chooses the items that are asked about where there are many.
        """
        self.rng = rng
        self.counted = counted
        self.collection = collection
        self.noun = noun
        self.nouns = many(noun)
        self.cut_off = cut_off
        self.labels = labels(collection.columns)
        self.columns = [column for column in collection.columns if column.path in self.labels]

    def items(self, wanted: tuple[PathPart, ...] | None = None, index: int | None = None) -> Iterator[Pick]:
        """Yield the picks of a field of one item; only field ``wanted`` of item ``index`` if given."""
        for column in self.columns:
            if wanted is not None and column.path != wanted:
                continue
            if wanted is None and (column.kind in ("opaque", "flag", "year") or column.is_constant):
                continue
            for pick in (*self._extremes(column, index), *self._found(column, index)):
                if wanted is not None or not self._is_common(column, pick.value):
                    yield pick
        if len(self.collection.items) == 1:
            for column in self.columns:
                if column.path == wanted or (wanted is None and column.kind not in ("opaque", "flag")):
                    path = (*self.collection.path, 0, *column.path)
                    expression = Expression(op="value", call=self.collection.call, path=path)
                    yield self._pick(expression, f"of the only {self.noun}", "only", column)

    def _is_common(self, column: Column, value: JsonValue) -> bool:
        """Return whether so many items share the value that a guess would do."""
        return column.values.count(value) > max(1, len(column.values) // 4)

    def as_found(self, reference: Expression) -> Iterator[Pick]:
        """Yield the selection that an explorer made, where words can say it without ambiguity."""
        column = self.collection.column(reference.field)
        if reference.path != self.collection.path or column is None or column not in self.columns:
            return
        keys = [self.collection.column(condition.field) for condition in reference.where]
        if reference.op == "where" and reference.where and all(key in self.columns for key in keys):
            said = [equals(self.labels[condition.field], condition.value) for condition in reference.where]
            stated = tuple(condition.value for condition in reference.where)
            place = f"of the {self.noun} whose {' and whose '.join(said)}"
            yield self._pick(reference, place, "find", column, stated=stated)
        elif reference.op == "sort" and reference.limit is None and not reference.where and not self.cut_off:
            label = many(self._label(column))
            noun = f"the {label} of all" if column.path else "all"
            yield from self._checked(reference, noun, label, "all", column, ())

    def folds(self) -> Iterator[Pick]:
        """Yield what is said about all items: counts, extremes, totals, the top few."""
        if self.cut_off:
            return
        size = len(self.collection.items)
        for group in (Group(kept=tuple(range(size))), *self.groups):
            if len(group.kept) >= 2 and (group.where or (size >= 3 and not self.counted)):
                yield self._count(group)
            if len(group.kept) < 3:
                continue
            for column in self.columns:
                yield from self._folded(column, group)
        if size >= 5:
            yield from self._top()

    def _count(self, group: Group) -> Pick:
        expression = Expression(
            op="count", call=self.collection.call, path=self.collection.path, where=group.where
        )
        many = self.nouns + group.clause
        return Pick(
            expression,
            len(group.kept),
            f"the number of {many}",
            f"number of {self.nouns}",
            "count",
            None,
            many,
            group.predicate,
            group.stated,
            item=self.noun,
        )

    def _folded(self, column: Column, group: Group) -> Iterator[Pick]:
        values = [column.values[index] for index in group.kept]
        if column.kind not in ("quantity", "date") or len({str(value) for value in values}) < 2:
            return
        label = self.labels[column.path]
        ops: list[tuple[Literal["min", "max", "sum"], str, Template]] = (
            [("max", "highest", "fold"), ("min", "lowest", "fold")]
            if column.kind == "quantity"
            else [("max", "latest", "fold"), ("min", "earliest", "fold")]
        )
        if column.may_be_added:
            ops.append(
                ("sum", "total" if label.startswith(("number of ", "amount of ")) else "combined", "total")
            )
        for op, word, template in ops:
            expression = Expression(
                op=op,
                call=self.collection.call,
                path=self.collection.path,
                field=column.path,
                where=group.where,
            )
            over = f" of the {self.nouns}{group.clause}" if group.clause else ""
            yield from self._checked(
                expression, f"the {word} {label}{over}", f"{word} {label}", template, column, group.stated
            )

    def _extremes(self, column: Column, index: int | None) -> Iterator[Pick]:
        if self.cut_off:
            return
        everything = range(len(self.collection.items))
        for by in self.columns:
            if by.path == column.path and by.path:
                continue
            measured = by.kind in ("quantity", "date")
            if not measured and not (not by.path and _plainly_ordered(by)):
                continue
            groups = [group for group in self.groups if len(group.kept) >= 3] if measured else []
            for group in (Group(kept=tuple(everything)), *groups):
                if column.path in group.fields:
                    continue
                for descending in (True, False):
                    position = _extreme([by.values[one] for one in group.kept], descending)
                    if position is None or (index is not None and index != group.kept[position]):
                        continue
                    expression = Expression(
                        op="sort",
                        call=self.collection.call,
                        path=self.collection.path,
                        field=column.path,
                        where=group.where,
                        by=by.path,
                        descending=descending,
                        limit=1,
                    )
                    if measured:
                        word = _superlative(by, descending)
                        place = f"of the {self.noun} with the {word} {self.labels[by.path]}{group.of_those}"
                    else:
                        end = "last" if descending else "first"
                        place = f"of the {self.noun} that comes {end} in alphabetical order"
                    yield self._pick(expression, place, "extreme", column, stated=group.stated)

    def _found(self, column: Column, index: int | None) -> Iterator[Pick]:
        for key in self.columns:
            if key.path == column.path or key.kind in ("opaque", "flag", "quantity", "category", "year"):
                continue
            if self.cut_off and key.kind == "date":
                continue
            if key.kind == column.kind == "identifier" and index is None:
                continue
            size = len(key.values)
            positions = (
                [index] if index is not None else sorted(self.rng.sample(range(size), min(size, _ITEM_LIMIT)))
            )
            for position in positions:
                if (
                    not _is_natural(key, position)
                    or not key.is_unique(position)
                    or same(key.values[position], column.values[position])
                ):
                    continue
                stated = key.values[position]
                expression = Expression(
                    op="where",
                    call=self.collection.call,
                    path=self.collection.path,
                    field=column.path,
                    where=(Condition(field=key.path, value=stated),),
                )
                place = f"of the {self.noun} whose {equals(self.labels[key.path], stated)}"
                yield self._pick(expression, place, "find", column, position, (stated,))

    def _top(self) -> Iterator[Pick]:
        size = len(self.collection.items)
        for column in self.columns:
            if column.kind != "text" or len(set(column.normals)) < size:
                continue
            for by in self.columns:
                if by.path == column.path or by.kind not in ("quantity", "date"):
                    continue
                for limit in (2, 3):
                    expression = Expression(
                        op="sort",
                        call=self.collection.call,
                        path=self.collection.path,
                        field=column.path,
                        by=by.path,
                        descending=True,
                        limit=limit,
                    )
                    label = many(self._label(column))
                    word = _superlative(by, True)
                    noun = (
                        f"the {label} of the {number_word(limit)} {self.nouns} with the {word} "
                        f"{self.labels[by.path]}"
                    )
                    for pick in self._checked(expression, noun, label, "top", column, ()):
                        yield replace(pick, order=f"{word} first")

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The parts of the list that share a value of one column, or of two."""
        return groups_of(self.columns, self.labels)

    def _label(self, column: Column) -> str:
        return self.labels[column.path] if column.path else self.noun

    def _pick(
        self,
        expression: Expression,
        place: str,
        template: Template,
        column: Column,
        index: int | None = None,
        stated: tuple[JsonValue, ...] = (),
    ) -> Pick:
        value = (
            evaluate(expression, {self.collection.call: self._output()})
            if index is None
            else column.values[index]
        )
        label = self._label(column)
        noun = f"the {label} {place}" if column.path else f"the {place.removeprefix('of the ')}"
        return Pick(
            expression,
            value,
            noun,
            label,
            template,
            column,
            stated=stated,
            item=self.noun,
            unit=self._unit(column),
        )

    def _checked(
        self,
        expression: Expression,
        noun: str,
        label: str,
        template: Template,
        column: Column,
        stated: tuple[JsonValue, ...],
    ) -> Iterator[Pick]:
        try:
            value = evaluate(expression, {self.collection.call: self._output()})
        except ExpressionError:
            return
        yield Pick(
            expression,
            value,
            noun,
            label,
            template,
            column,
            stated=stated,
            item=self.noun,
            unit=self._unit(column),
        )

    def _unit(self, column: Column) -> str:
        return unit_of(column, self.collection.columns)

    def _output(self) -> JsonValue:
        """Return an output that holds the list alone, at its path."""
        output: JsonValue = list(self.collection.items)
        for part in reversed(self.collection.path):
            output = {str(part): output}
        return output


def _is_natural(key: Column, index: int) -> bool:
    """Return whether a person would name an item by this: an id, a date, words; no formula, no cell range."""
    text = str(key.values[index])
    letters = sum(one.isalpha() for one in text)
    named = "name" in words(key.name) or text.replace("-", "").replace("_", "").isalnum()
    return key.kind in ("identifier", "date") or named or letters > sum(one.isdigit() for one in text)


def _superlative(by: Column, descending: bool) -> str:
    if by.kind == "date":
        return "latest" if descending else "earliest"
    return "highest" if descending else "lowest"


def _extreme(values: Sequence[JsonValue], descending: bool) -> int | None:
    """Return the place of the only highest (lowest) value; None when there is a tie or no order."""
    try:
        order = sorted(range(len(values)), key=lambda index: values[index], reverse=descending)  # type: ignore[arg-type,return-value]
    except TypeError:
        return None
    if len(order) < 2 or same(values[order[0]], values[order[1]]):
        return None
    return order[0]


def _plainly_ordered(column: Column) -> bool:
    """Return whether any way to sort these texts alphabetically gives the same order."""
    texts = [value for value in column.values if isinstance(value, str)]
    if len(texts) < len(column.values) or column.kind not in ("text", "category"):
        return False
    simple = all(
        text.replace("_", "a").isalnum() and text.isascii() and text == text.lower() for text in texts
    )
    letters = [text.replace("_", "") for text in texts]
    return simple and sorted(texts) == [text for _, text in sorted(zip(letters, texts, strict=True))]
