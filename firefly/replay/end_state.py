"""End states: what the probes after an episode have to show, and which recorded answers show it."""

from __future__ import annotations

from .cassette import Cassette
from .expressions import ExpressionError, evaluate, same
from .parsers import parse
from .records import Observation, Record, StateProbe, ToolCall


class ProbeAnswers(Record):
    """A probe with every recorded answer to it, by digest: for readers that have no parsers."""

    call: ToolCall
    right: tuple[str, ...]
    """Those that show the expected state."""
    wrong: tuple[str, ...]
    """Those that show another one."""


def fault_of(probe: StateProbe, observation: Observation) -> str:
    """Return how an answer to a probe shows another state than expected; "" if it doesn't."""
    parsed = parse(observation)
    try:
        found = evaluate(probe.expression, {} if parsed is None else {probe.expression.call: parsed.value})
    except ExpressionError as error:
        return str(error)
    return "" if same(found, probe.expected) else "the state is not the expected one"


def probe_answers(probe: StateProbe, cassette: Cassette) -> ProbeAnswers:
    """Return what each answer that ``cassette`` holds for the probe's call, in any state, says of it."""
    sides: dict[bool, set[str]] = {True: set(), False: set()}
    if probe.call.key in cassette.tools:
        canonical = cassette.canonicalizer(probe.call.key)
        wanted = canonical.text(probe.call.arguments)
        for entry in cassette.entries_of(probe.call.key):
            if canonical.text(entry.arguments) == wanted:
                sides[not fault_of(probe, entry.observation)].add(entry.observation.digest)
    return ProbeAnswers(call=probe.call, right=tuple(sorted(sides[True])), wrong=tuple(sorted(sides[False])))
