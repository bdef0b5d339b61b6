"""Whether the calls of a chain have to do with each other: no purpose joins what only shares a value."""

from __future__ import annotations

from firefly.english import says_how_many
from firefly.knowledge import Knowledge
from firefly.outputs import leaves
from firefly.records import ExploredCall
from firefly.replay.expressions import ExpressionError, evaluate
from firefly.synthesis.chains import Chain
from firefly.values.semantic import MOMENTS, is_specific, semantic_type

__all__ = ["related"]


def related(chain: Chain, knowledge: Knowledge) -> bool:
    """Return whether every call is about what the calls before it found.

    Not so where rows are looked up by a date or a time zone that they share with something else, and
    where a mere name or word is passed to a call that is about yet another thing: a person who wrote
    one thing and commented on another. What a pure function makes of a value is always about it.
    """
    by_id = {call.id: call for call in chain.calls}
    return all(
        _is_related(call, name, by_id, chain)
        for call in chain.calls
        if not _is_pure(call, knowledge)
        for name in call.references
    )


def _is_pure(call: ExploredCall, knowledge: Knowledge) -> bool:
    profile = knowledge.profiles.get(call.call.key)
    return profile is not None and profile.pure is True


def _is_related(call: ExploredCall, name: str, by_id: dict[str, ExploredCall], chain: Chain) -> bool:
    reference = call.references[name]
    try:
        value = evaluate(reference, chain.outputs)
    except ExpressionError:
        return True
    if says_how_many(name):
        return False  # how much is asked for is nothing that another answer says
    kind = semantic_type(value[0] if isinstance(value, list) and value else value)
    source = by_id[reference.call]
    if kind in MOMENTS and (name in call.templates or source.call.server != call.call.server):
        return False
    if is_specific(kind) or kind in ("file name", "number", "number text") or name in call.templates:
        return True
    return not any(_is_another_thing(call, other, source) for other in call.call.arguments if other != name)


def _is_another_thing(call: ExploredCall, other: str, source: ExploredCall) -> bool:
    """Return whether an argument names a thing that the source of the passed value is not about."""
    reference = call.references.get(other)
    if reference is not None:
        return reference.call != source.id
    argument = call.call.arguments[other]
    kind = semantic_type(argument)
    told = {repr(leaf) for _, leaf in leaves(dict(source.call.arguments))}
    return (is_specific(kind) or kind == "file name") and repr(argument) not in told
