"""What a chain of calls returned, as a person speaks of it: how each call is told, which lists it holds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from random import Random

from pydantic import JsonValue

from firefly.english import is_plural, singular, words
from firefly.knowledge import Knowledge
from firefly.mentions import normal
from firefly.outputs import leaves
from firefly.records import ExploredCall
from firefly.replay.expressions import ExpressionError, read
from firefly.replay.parsers import parse
from firefly.replay.records import PathPart, State, canonical_json
from firefly.synthesis.chains import Chain, may_be_cut
from firefly.synthesis.columns import Column, collections
from firefly.synthesis.listed import Listed
from firefly.synthesis.phrases import item_noun
from firefly.synthesis.roles import KEY_WORDS, key_column, name_column
from firefly.synthesis.shown import is_file
from firefly.synthesis.telling import Told, settled, told
from firefly.synthesis.told import QUERIES
from firefly.synthesis.weaving import sort_said

__all__ = ["ChainReader", "Lexicon", "may_be_one"]

Lexicon = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Server -> ``words`` (field -> what people call it) and ``items`` (tool -> what one item is called)."""


_TELLING = 3
"""Fields by which a thing is known again, at least."""


class ChainReader:
    """Reads the outputs of one chain."""

    def __init__(self, chain: Chain, knowledge: Knowledge, rng: Random, lexicon: Lexicon) -> None:
        self.chain = chain
        self.knowledge = knowledge
        self.rng = rng
        self.lexicon = lexicon
        self._listed: dict[str, tuple[Listed, ...]] = {}

    @cached_property
    def told(self) -> dict[str, Told | None]:
        """Return how each call is told; None for one that can't be."""
        return {call.id: self._told(call) for call in self.chain.calls}

    def _told(self, call: ExploredCall) -> Told | None:
        return told(
            call,
            self.chain.tools[call.id],
            self.knowledge.listings[call.call.server].launch_values,
            idle=lambda name: self.is_idle(call, name),
            item=self.words(call, "items").get(call.call.tool, ""),
        )

    def words(self, call: ExploredCall, part: str) -> Mapping[str, str]:
        """Return the lexicon's part for the call's server."""
        return self.lexicon.get(call.call.server, {}).get(part, {})

    def is_idle(self, call: ExploredCall, name: str) -> bool:
        """Return whether the same call without the argument was seen to answer alike."""
        without = {other: value for other, value in call.call.arguments.items() if other != name}
        return any(
            step.call.arguments.keys() == without.keys()
            and all(may_be_one(step.call.arguments[one], value) for one, value in without.items())
            and step.observation.visible == call.step.observation.visible
            for step in self.knowledge.successes(call.call.key)
        )

    def lists(self, call: ExploredCall) -> tuple[Listed, ...]:
        """Return the lists of like items that a call returned; the same ones whenever asked."""
        if call.id not in self._listed:
            self._listed[call.id] = tuple(self._lists(call))
        return self._listed[call.id]

    def _lists(self, call: ExploredCall) -> Iterator[Listed]:
        output, tool, told = self.chain.outputs[call.id], self.chain.tools[call.id], self.told[call.id]
        if told is None:
            return
        asked = {normal(leaf) for _, leaf in leaves(dict(call.call.arguments)) if isinstance(leaf, str)}
        for collection in collections(call.id, output, 1):
            if not settled(told, collection.columns):
                continue
            if told.is_query and () in (column.path for column in collection.columns):
                continue  # the names of the columns, beside the rows
            cut_off = may_be_cut(call, tool, output, len(collection.items))
            cut_off |= told.limited and len(collection.items) >= told.limit
            cut_off |= self._is_part(call, collection.path, collection.items)
            if asked & {normal(part) for part in collection.path if isinstance(part, str)}:
                continue  # a key that is data: what was asked for, by its name
            noun = told.item or item_noun(told.phrase, collection.path)
            if told.switches and singular(told.phrase.head[-1]) != noun.split()[-1]:
                continue  # it is not known whether the switch is about these
            noun = " ".join([*(one for one in told.switches if one not in noun.split()), noun])
            unnamed = noun == "entry" and call.id in self.chain.tables
            if not told.item and (unnamed or any(column.title for column in collection.columns)):
                noun = _row_noun(call)
            yield Listed(
                collection,
                sort_said(told.literals, noun),
                cut_off=cut_off,
                counted=told.limited,
                rng=self.rng,
                lexicon=self.words(call, "words"),
            )

    def _is_part(self, call: ExploredCall, path: tuple[PathPart, ...], items: Sequence[JsonValue]) -> bool:
        """Return whether a switch was seen to show more: "all tasks" are more than the tasks that are open.

        Only answers in the same state are compared, since what a write added was no part of the list before.
        """
        shown = {canonical_json(item) for item in items}
        for step in self.knowledge.successes(call.call.key):
            given = step.call.arguments
            differing = [
                name
                for name in {*given, *call.call.arguments}
                if given.get(name) != call.call.arguments.get(name)
            ]
            # What a switch of the call itself narrows is told: "the completed tasks" are all of these.
            switched = differing and all(
                isinstance(given.get(name), bool | None)
                and isinstance(call.call.arguments.get(name), bool | None)
                and call.call.arguments.get(name) is not True
                for name in differing
            )
            if not switched or not _same_state(step.before, call.step.before):
                continue
            parsed = parse(step.observation)
            try:
                others = read(parsed.value, path) if parsed is not None else None
            except ExpressionError:
                continue
            if isinstance(others, list) and not {canonical_json(one) for one in others} <= shown:
                return True
        return False

    def sole(self, call: ExploredCall, listed: Listed) -> str:
        """Return what the only row of a query by its key is called."""
        told = self.told[call.id]
        if told is None or not told.column or len(listed.collection.items) != 1:
            return ""
        column = next((one for one in listed.collection.columns if one.name == told.column), None)
        columns = listed.collection.columns
        known = column is not None and column in (
            key_column(columns, listed.noun),
            name_column(columns, listed.noun),
        )
        return listed.noun if known else ""

    def sole_of(self, call: ExploredCall) -> str:
        """Return what the only row of a call is called, where a query asks for it by its key."""
        return next((sole for listed in self.lists(call) if (sole := self.sole(call, listed))), "")

    def looked_up(
        self, call: ExploredCall, parameter: str, paths: Collection[tuple[PathPart, ...]]
    ) -> tuple[str, str]:
        """Return the column that says what was asked for in all rows, and what the only row is called.

        A stock level looked up by a product's number is the product's; contacts found by "Oslo" that all are
        in Oslo are those in Oslo. Both are "" where the argument is nothing that the rows are told by.

        Args:
            call: the call.
            parameter: its only argument that is told.
            paths: what is read of its output, which has to lie in these rows.
        """
        asked = self.passed(call, parameter)
        for listed in self.lists(call):
            within = listed.collection.path
            if not all(path[: len(within)] == within for path in paths):
                continue
            for column in listed.collection.columns:
                if len(column.path) != 1 or set(column.normals) != set(Column((), (asked,)).normals):
                    continue
                if len(column.values) == 1 and _is_key(column, listed):
                    return column.name, listed.noun
                if set(words(parameter)) & QUERIES and _decides(column, listed):
                    return column.name, ""
        return "", ""

    def is_elsewhere(self, call: ExploredCall, parameter: str, thing: JsonValue) -> bool:
        """Return whether the same tool was seen to return the very thing for another value."""
        if not isinstance(thing, dict) or len(thing) < _TELLING:
            return False
        mine = call.call.arguments.get(parameter)
        for step in self.knowledge.successes(call.call.key):
            parsed = parse(step.observation) if step.call.arguments.get(parameter) != mine else None
            if parsed is not None and any(
                thing in one.items for one in collections(call.id, parsed.value, 1)
            ):
                return True
        return False

    def passed(self, call: ExploredCall, parameter: str) -> JsonValue:
        """Return the value that an earlier call gave: the argument, or what a template holds of it."""
        value = call.call.arguments[parameter]
        template = call.templates.get(parameter)
        if template is None or not isinstance(value, str):
            return value
        before, _, after = template.partition("{}")
        return value[len(before) : len(value) - len(after)]


def _is_key(column: Column, listed: Listed) -> bool:
    """Return whether an item is called by the column: an order by ``order_id``, not by ``customer``."""
    columns = listed.collection.columns
    subject = set(words(column.name)) - KEY_WORDS - {"name", "title"}
    known = (key_column(columns, listed.noun), name_column(columns, listed.noun))
    return column in known and subject <= set(words(listed.noun))


def _decides(column: Column, listed: Listed) -> bool:
    """Return whether some row holds the shared value in this column alone: so this is what was searched."""
    (asked,) = set(column.normals)
    others = [one for one in listed.collection.columns if one is not column]
    return not all(any(asked in one.normals[index] for one in others) for index in range(len(column.values)))


def _same_state(one: State, other: State) -> bool:
    if one.fingerprint is not None and other.fingerprint is not None:
        return one.fingerprint == other.fingerprint
    return one.history == other.history


def may_be_one(one: JsonValue, other: JsonValue) -> bool:
    """Return whether two values may mean one thing: "plan.xlsx" and "/workspace/books/plan.xlsx"."""
    if isinstance(one, str) and isinstance(other, str):
        return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
    return one == other


def _row_noun(call: ExploredCall) -> str:
    """Return what a row of a table is called: a shift where the file is called shifts.csv, else a row."""
    named = [
        PurePosixPath(leaf).stem.lower()
        for _, leaf in leaves(dict(call.call.arguments))
        if isinstance(leaf, str) and is_file(leaf)
    ]
    if len(named) == 1 and named[0].isalpha() and is_plural(named[0]):
        return singular(named[0])
    return "row"
