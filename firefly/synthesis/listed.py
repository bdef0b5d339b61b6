"""What can be asked of a list of like items: a field of one of them, and what is true of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from random import Random
from typing import Literal

from pydantic import JsonValue

from firefly.english import number_word
from firefly.mentions import same
from firefly.replay.expressions import ExpressionError, evaluate
from firefly.replay.records import Expression, PathPart
from firefly.synthesis.clauses import PLACE, having, stem, superlative
from firefly.synthesis.columns import Collection, Column
from firefly.synthesis.groups import Group, groups_of
from firefly.synthesis.labels import labels
from firefly.synthesis.picks import Pick, Template, many, unit_of
from firefly.synthesis.roles import item_name, key_column, name_column, role_of
from firefly.synthesis.shown import is_drawn
from firefly.synthesis.things import Thing, alphabetical, by_key, by_value, extremes

_ITEM_LIMIT = 8
"""Most items of one list that are asked about by one key."""
_KEY_ROLES = ("date", "person", "place", "code", "text")
"""Roles of the fields by which a person may know an item that has neither key nor name."""


class Listed:
    """The picks from one list of like items."""

    def __init__(
        self,
        collection: Collection,
        noun: str,
        *,
        cut_off: bool,
        counted: bool = False,
        rng: Random,
        lexicon: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare.

        Args:
            collection: the list.
            noun: what one item is called; a word that says nothing ("row") gives way to the items' key.
            cut_off: whether the list may have been cut (a limit reached): then nothing is said about
                all of it.
            counted: whether the words for the list say how many items there are.
            rng: chooses the items that are asked about where there are many.
            lexicon: other names for fields.
        """
        self.rng = rng
        self.counted = counted
        self.collection = collection
        self.noun = item_name(noun, collection.columns)
        self.cut_off = cut_off
        self.labels = labels(collection.columns, lexicon or {})
        self.columns = [column for column in collection.columns if column.path in self.labels]
        self.key = key_column(self.columns, self.noun)
        self.name = name_column(self.columns, self.noun)

    def items(self, wanted: tuple[PathPart, ...] | None = None, index: int | None = None) -> Iterator[Pick]:
        """Yield the picks of a field of one item; only field ``wanted`` of item ``index`` if given."""
        for thing in self._things(index) if len(self.collection.items) > 1 else ():
            for column in self.columns:
                if wanted is not None and column.path != wanted:
                    continue
                if column.path in thing.fields or (index is not None and thing.index != index):
                    continue
                if wanted is None and (column.kind in ("opaque", "flag") or column.is_constant):
                    continue
                value = column.values[thing.index]
                if any(same(value, one) for one in thing.stated):
                    continue
                if wanted is None and self._is_common(column, value):
                    continue
                yield self._pick(thing, column)
        if len(self.collection.items) == 1:
            yield from self._only(wanted)

    def _only(self, wanted: tuple[PathPart, ...] | None) -> Iterator[Pick]:
        for column in self.columns:
            if column.path == wanted or (wanted is None and column.kind not in ("opaque", "flag")):
                path = (*self.collection.path, 0, *column.path)
                thing = Thing(0, f"the only {self.noun}{PLACE}", "", "only", self._base)
                expression = Expression(op="value", call=self.collection.call, path=path)
                yield replace(self._pick(thing, column), expression=expression)

    def _is_common(self, column: Column, value: JsonValue) -> bool:
        """Return whether so many items share the value that a guess would do."""
        return column.values.count(value) > max(1, len(column.values) // 4)

    def _things(self, index: int | None) -> Iterator[Thing]:
        if not self.cut_off:
            groups = (self._all, *(group for group in self.groups if len(group.kept) >= 3))
            for by in self.columns:
                if by.kind in ("quantity", "date") and by.complete and role_of(by) != "form":
                    yield from extremes(self._base, self.noun, by, self.labels[by.path], groups)
                elif not by.path:
                    yield from alphabetical(self._base, self.noun, by)
        for column in self.columns:
            own = column in (self.key, self.name)
            if self.cut_off and not (own and self.key is column):
                continue  # another item, further on, may have the same
            measured = column.kind == "quantity" and index is not None  # "the shelf with 55 books"
            if not column.path or column.kind in ("opaque", "flag", "category", "year"):
                continue
            if not measured and not own and (role_of(column) not in _KEY_ROLES or column in self.clock_times):
                continue
            size = len(column.values)
            chosen = (
                [index] if index is not None else sorted(self.rng.sample(range(size), min(size, _ITEM_LIMIT)))
            )
            for position in chosen:
                value = column.values[position]
                if not column.is_unique(position) or value is None or is_drawn(value):
                    continue
                if own:
                    yield by_key(self._base, self.noun, column, position)
                else:
                    yield by_value(self._base, self.noun, column, self.labels[column.path], position)

    def as_found(self, reference: Expression) -> Iterator[Pick]:
        """Yield the whole list, where an explorer passed all its values on and words can say so."""
        column = self.collection.column(reference.field)
        if reference.path != self.collection.path or column is None or column not in self.columns:
            return
        if reference.op == "sort" and reference.limit is None and not reference.where and not self.cut_off:
            label = many(self._label(column))
            noun = (
                f"the {label} of all {many(self.noun)}{PLACE}"
                if column.path
                else f"all {many(self.noun)}{PLACE}"
            )
            yield from self._checked(reference, noun, label, "all", column, self._all)

    def folds(self) -> Iterator[Pick]:
        """Yield what is said about several items: counts, extremes, totals, the top few."""
        if self.cut_off:
            return
        size = len(self.collection.items)
        for group in (self._all, *self.groups):
            if len(group.kept) >= 2 and (group.where or (size >= 3 and not self.counted)):
                yield self._count(group)
            if len(group.kept) < 3:
                continue
            for column in self.columns:
                yield from self._folded(column, group)
        if size >= 5:
            yield from self._top()

    def _count(self, group: Group) -> Pick:
        expression = self._base.model_copy(update={"op": "count", "where": group.where})
        return Pick(
            expression,
            len(group.kept),
            f"the number of {many(self.noun)}{PLACE}{group.clause}",
            f"number of {many(self.noun)}",
            "count",
            None,
            kept=group.clause,
            stated=group.stated,
            item=self.noun,
        )

    def group_sizes(self, counted: str, item: str) -> Iterator[Pick]:
        """Yield the picks from a list of groups and their sizes: "how many orders with status open"."""
        by = next((one for one in self.columns if one.name == counted), None)
        sizes = [one for one in self.columns if one is not by]
        if by is None or len(sizes) != 1 or not all(isinstance(one, int) for one in sizes[0].values):
            return
        size, label = sizes[0], self.labels[by.path]
        for index, value in enumerate(by.values):
            if value is None or not by.is_unique(index):
                continue
            clause = f" {having(by, label, value).text}"
            thing = by_value(self._base, item, by, label, index)
            yield Pick(
                thing.reading(size.path),
                size.values[index],
                f"the number of {many(item)}{PLACE}{clause}",
                f"number of {many(item)}",
                "count",
                None,
                kept=clause,
                stated=(value,),
                item=item,
            )
        for thing in extremes(self._base, stem(label), size, f"number of {many(item)}", (self._all,)):
            yield replace(self._pick(thing, by), own=True, item=stem(label))

    def _folded(self, column: Column, group: Group) -> Iterator[Pick]:
        values = [column.values[index] for index in group.kept]
        if column.kind not in ("quantity", "date") or not column.complete or column.path in group.fields:
            return
        if len({str(value) for value in values}) < 2 or role_of(column) == "form":
            return
        label = self.labels[column.path]
        counted = label.startswith("number of ")
        ops: list[tuple[Literal["min", "max", "sum"], str, Template]] = [
            ("max", f"highest {label}" if counted else superlative(column, label, most=True), "fold"),
            ("min", f"lowest {label}" if counted else superlative(column, label, most=False), "fold"),
        ]
        if column.may_be_added:
            ops.append(("sum", label if label.startswith("number of ") else f"combined {label}", "total"))
        for op, word, template in ops:
            expression = self._base.model_copy(update={"op": op, "field": column.path, "where": group.where})
            noun = f"the {word} of the {many(self.noun)}{PLACE}{group.clause}"
            for pick in self._checked(expression, noun, label, template, column, group):
                yield replace(pick, word=word)

    def _top(self) -> Iterator[Pick]:
        size = len(self.collection.items)
        for column in (self.key, None if self.noun.isupper() else self.name):
            if column is None or len(set(column.normals)) < size or is_drawn(list(column.values)):
                continue
            for by in self.columns:
                if by.path == column.path or by.kind not in ("quantity", "date") or not by.complete:
                    continue
                for limit in (2, 3):
                    expression = self._base.model_copy(
                        update={
                            "op": "sort",
                            "field": column.path,
                            "by": by.path,
                            "descending": True,
                            "limit": limit,
                        }
                    )
                    word = superlative(by, self.labels[by.path], most=True)
                    noun = f"the {number_word(limit)} {many(self.noun)}{PLACE} with the {word}"
                    label = many(self._label(column))
                    for pick in self._checked(expression, noun, label, "top", column, self._all):
                        yield replace(pick, order=f"{word.split()[0]} first", own=True)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The parts of the list that share a value or lie on one side of one, by one field or two."""
        return groups_of(self.columns, self.labels, self.rng)

    @cached_property
    def clock_times(self) -> list[Column]:
        """The fields that hold a moment, to the second: nobody knows a thing by it."""
        return [one for one in self.columns if any("T" in str(v) and one.kind == "date" for v in one.values)]

    @cached_property
    def _all(self) -> Group:
        return Group(kept=tuple(range(len(self.collection.items))))

    @cached_property
    def _base(self) -> Expression:
        return Expression(op="where", call=self.collection.call, path=self.collection.path)

    def _label(self, column: Column) -> str:
        return self.labels[column.path] if column.path else self.noun

    def _pick(self, thing: Thing, column: Column) -> Pick:
        label = self._label(column)
        named = column is self.name and not self.noun.isupper()  # "which SKU" asks for a SKU
        own = column is self.key or named or not column.path
        template: Template = thing.template  # type: ignore[assignment]
        return Pick(
            thing.reading(column.path),
            column.values[thing.index],
            f"the {label} of {thing.text}" if column.path else thing.text,
            label,
            template,
            column,
            thing=thing.text,
            which=thing.which,
            kept=thing.kept,
            own=own,
            stated=thing.stated,
            item=self.noun,
            unit=self._unit(column),
            weight=thing.weight,
        )

    def _checked(
        self,
        expression: Expression,
        noun: str,
        label: str,
        template: Template,
        column: Column,
        group: Group,
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
            kept=group.clause,
            stated=group.stated,
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
