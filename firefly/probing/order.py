"""In which order tools are tried. Names and hints decide nothing else: they are no proof of an effect."""

from __future__ import annotations

from typing import Literal

from firefly.parameters import parameters
from firefly.replay.records import Tool
from firefly.values.semantic import words

__all__ = ["Presumption", "contradicts_itself", "may_only_answer", "presumed", "read_order", "write_order"]

Presumption = Literal["read", "write", "unclear"]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_READS = _set(
    "analyze calculate check classify compare compute convert count describe detect diff directory echo"
    " evaluate explain extract fetch filter find get has health info inspect is list log lookup ping preview"
    " query read search select show solve status suggest summarize trace validate view"
)
_CREATES = _set(
    "add append book create define import init initialize insert load make new open place post put"
    " register request reserve schedule send start submit upload write"
)
_CHANGES = _set(
    "accept adjust advance apply approve archive assign borrow build change checkout commit complete"
    " configure confirm copy deduplicate demote disable download edit enable execute export fill finish"
    " format generate grant increment install join lend link lock manage mark merge modify move order pay"
    " pin populate promote protect push rebuild redo refresh reject rename renew reorder replace restore"
    " return revert revoke rotate run save set shuffle sort split stage subscribe swap switch take toggle"
    " transfer transform trigger undo unlink unprotect update"
)
_ENDS = _set("cancel clear close delete destroy drop kill purge remove reset stop")
_EITHER = _set("export format generate load open request")
"""Verbs of tools that as often only answer as they change something."""
_PAIRS = frozenset({("check", "out"), ("check", "in"), ("log", "in"), ("log", "out")})
"""Verbs of two words that change something although the first alone reads."""
_LISTS = _set("all available list status summary info overview directory schema")


def presumed(tool: Tool) -> Presumption:
    """Return what the declaration suggests: its hints, then the first telling word of its name."""
    hints = tool.annotations
    if hints.read_only:
        return "unclear" if contradicts_itself(tool) else "read"
    if hints.read_only is False or hints.destructive:
        return "write"
    named = words(tool.name)
    for place, word in enumerate(named[:3]):
        if named[place : place + 2] in _PAIRS:
            return "write"
        if word in _READS:
            return "read"
        if word in _CREATES | _CHANGES | _ENDS:
            return "write"
    return "unclear"


def contradicts_itself(tool: Tool) -> bool:
    """Return whether a tool declares that it only reads, and its name says that it changes something."""
    return (
        bool(tool.annotations.read_only) and next(iter(words(tool.name)), "") in _CREATES | _CHANGES | _ENDS
    )


def may_only_answer(tool: Tool) -> bool:
    """Return whether a presumed write may turn out to change nothing, by the first word of its name."""
    hints = tool.annotations
    declared = hints.read_only is False or bool(hints.destructive)
    return not declared and next(iter(words(tool.name)), "") in _EITHER


def read_order(tool: Tool) -> tuple[int, int, int, str]:
    """Return the sort key among reads: argument-free and list-like ones first, unclear ones last."""
    required = sum(parameter.required for parameter in parameters(tool))
    lists = bool(set(words(tool.name)) & _LISTS)
    return (presumed(tool) == "unclear", required and not lists, required, tool.name)


def write_order(tool: Tool) -> tuple[int, int, str]:
    """Return the sort key among writes: what may only answer, what makes something, changes it, ends it.

    What changed nothing is known as such only as long as nothing else was changed before it.
    """
    named = set(words(tool.name)[:3])
    stage = 2 if named & _ENDS else 0 if named & _CREATES else 1
    if may_only_answer(tool):
        stage = -1
    required = sum(parameter.required for parameter in parameters(tool))
    return (stage, required, tool.name)
