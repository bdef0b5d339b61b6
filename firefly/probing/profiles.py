"""From evidence to profiles. What is not shown stays unknown; every verdict says why in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from firefly.contents import is_empty
from firefly.parameters import parameters
from firefly.probing.evidence import Evidence, Seen
from firefly.probing.order import presumed
from firefly.probing.volatility import Path, has_rest
from firefly.records import Effect, Listing, ToolProfile
from firefly.replay.parsers import parse
from firefly.replay.records import PathPart, Tool, canonical_json

__all__ = ["profile"]

_CALLS = 3
"""Calls without a contradiction that an undeclared read needs."""
_WORD = re.compile(r"(?=[\w-]*[^\W\d_])[\w-]{3,}")
_DRAWN = re.compile(
    r"random|shuffl|(?<![a-z])(?:dice|coin[ _-]?flip|lottery|uuid|guid|nonce)(?![a-z])", re.IGNORECASE
)
"""Declarations of tools that draw: among few possible answers, equal ones prove little."""
_CLOCK = re.compile(r"\b(?:time|date|day|clock|calendar|now|today|timestamps?|age)\b", re.IGNORECASE)
"""Declarations of tools whose subject is the time."""
_NOVEL = 5
"""Words of answers that stand neither in arguments nor in the declaration, for a data source."""


def profile(tool: Tool, listing: Listing, evidence: Evidence) -> ToolProfile:
    """Return what the evidence says of one tool."""
    seen = evidence.tools.get(tool.name, Seen())
    why: dict[str, str] = {}
    effect, why["effect"] = _effect(tool, listing, seen, evidence)
    determinism, volatile, why["determinism"] = _determinism(tool, listing, seen)
    opaque, why["opaque"] = _opaque(seen)
    stateless = listing.scope == "none" and effect == "read" and determinism == "deterministic"
    why["state_independent"] = (
        "the server is configured to have no state, and equal calls answered alike in every session"
        if stateless
        else _why_not_stateless(tool, listing, seen)
    )
    pure, why["pure"] = _pure(tool, seen, stateless)
    return ToolProfile(
        server=tool.server,
        tool=tool.name,
        schema_digest=tool.schema_digest,
        effect=effect,
        determinism=determinism,
        state_independent=stateless,
        opaque=opaque,
        pure=pure,
        successes=len(seen.successes),
        failures=len(seen.failures),
        volatile_paths=volatile,
        evidence=why,
    )


def _effect(tool: Tool, listing: Listing, seen: Seen, evidence: Evidence) -> tuple[Effect, str]:
    contrary = ", although it declares readOnlyHint" if tool.annotations.read_only else ""
    if seen.changed_fingerprint:
        calls = f"{seen.changed_fingerprint} of {seen.fingerprinted} calls"
        return "write", f"the observable state changed in {calls}{contrary}"
    if seen.changed:
        return "write", f"{_names(seen.changed)} answered differently after it and no other call{contrary}"
    doubt = next(_doubts(tool, listing, seen, evidence), "")
    if doubt:
        return "unknown", doubt
    if listing.scope == "none":
        return "read", "the server is configured to have no state; repeated calls showed none"
    if not listing.disposable:
        return "read", "declares readOnlyHint, and repeated calls changed nothing (no fresh session possible)"
    declares = "declares readOnlyHint; " if _declares_read(tool) else ""
    return "read", f"{declares}{_shown(seen)}"


def _declares_read(tool: Tool) -> bool:
    return bool(tool.annotations.read_only) and not tool.annotations.destructive


def _doubts(tool: Tool, listing: Listing, seen: Seen, evidence: Evidence) -> Iterator[str]:
    """Yield every reason not to call a tool a read that was seen to change nothing."""
    if not seen.successes:
        yield "no call succeeded"
    if tool.name in evidence.suspects:
        yield "answers of other tools changed after calls that include it; which call did it is not known"
    if seen.restless:
        yield "equal calls in a row answered differently: it may change what it reads"
    if not seen.repeats and not seen.unstable:
        yield "no successful call was repeated in one session"
    if listing.scope == "none":
        return
    if not listing.disposable:
        if not _declares_read(tool):
            yield "no fresh session is possible, and it does not declare readOnlyHint"
        return
    yield from _doubts_of_sandbox(tool, seen)


def _doubts_of_sandbox(tool: Tool, seen: Seen) -> Iterator[str]:
    if not seen.sessions and not seen.other_sessions and not seen.unstable:
        yield "no call was repeated in a fresh session"
    if _declares_read(tool):
        return
    if seen.fingerprinted < seen.calls and not seen.witnesses:
        yield "neither a fingerprint nor another read could show whether it changes something"
    if presumed(tool) == "write":
        yield f"{_shown(seen)}, but its declaration or name says that it changes something"
    if seen.calls < _CALLS:
        yield f"{_shown(seen)}, but {seen.calls} calls are too few for a tool that declares nothing"
    if not seen.witnesses and presumed(tool) != "read":
        yield f"{_shown(seen)}, but no other read was made again after it"


def _shown(seen: Seen) -> str:
    shown = []
    if seen.fingerprinted == seen.calls:
        shown.append("the observable state was the same before and after")
    if seen.witnesses:
        shown.append(f"{_names(seen.witnesses)} answered the same after it")
    return f"in {seen.calls} calls {' and '.join(shown) or 'nothing was seen to change'}"


def _determinism(
    tool: Tool, listing: Listing, seen: Seen
) -> tuple[Any, tuple[tuple[PathPart, ...], ...], str]:
    paths = seen.volatile
    ordered = tuple(sorted(paths, key=repr))
    whole = _whole_is_volatile(tool, listing, seen)
    if whole:
        return "volatile", ordered, whole
    if seen.sessions and seen.repeats:
        drawn = _DRAWN.search(f"{tool.name} {tool.title} {tool.description.strip().partition('. ')[0]}")
        if drawn:
            why = f'equal calls answered alike, but its declaration says "{drawn.group()}": it may be luck'
            return "unknown", ordered, why
        count = len(seen.sessions)
        but = f", but for {_paths(set(paths))}" if paths else ""
        why = f"equal calls answered alike in one session and across {count} sessions{but}"
        return "deterministic", ordered, why
    return "unknown", ordered, "no call was repeated both in one session and in a fresh one"


def _whole_is_volatile(tool: Tool, listing: Listing, seen: Seen) -> str:  # noqa: PLR0911 - one for each
    """Return why no part of its answers can be relied on; "" where fields that change can be left out.

    What a clock shows may be in other fields in another form (a weekday, an age), so a tool that tells
    the time, or that has nothing to read but a clock, is volatile as a whole.
    """
    paths = seen.volatile
    if not paths:
        return ""
    if () in paths or not any(has_rest(step.observation, paths) for step in seen.successes):
        return f"equal calls differed at {_paths(set(paths))}, and nothing is left of its answers"
    if seen.other_sessions and not listing.disposable:
        return f"equal calls in two sessions differed at {_paths(seen.other_sessions)}"
    if seen.restless:
        return f"equal calls in a row differed at {_paths(set(paths))}: it may change what it reads"
    if seen.now:
        if listing.scope == "none":
            return f"holds the present date or time at {_paths(seen.now)}, and its server has no state"
        told = _CLOCK.search(f"{tool.name.replace('_', ' ')} {tool.description.strip().partition('. ')[0]}")
        if told:
            return f"holds the present date or time at {_paths(seen.now)}, and is about the {told.group()}"
    return ""


def _opaque(seen: Seen) -> tuple[bool | None, str]:
    total = seen.parsed + seen.opaque
    if not total:
        return None, "no non-empty answer"
    if seen.parsed:
        return False, f"{seen.parsed} of {total} non-empty answers are data that a parser reads without loss"
    return True, f"none of {total} non-empty answers is data that a parser reads without loss"


def _why_not_stateless(tool: Tool, listing: Listing, seen: Seen) -> str:
    if seen.moved:
        return f"its answer was another after {_names(seen.moved)}"
    if listing.scope != "none":
        kind = listing.scope.partition(":")[0]
        return f"its server has a state ({kind}), and nothing shows that it does not read it"
    return "not shown: " + _determinism(tool, listing, seen)[2]


def _pure(tool: Tool, seen: Seen, stateless: bool) -> tuple[bool | None, str]:
    if seen.moved:
        return False, f"its answer was another after {_names(seen.moved)}"
    if seen.volatile - seen.measured:
        return False, "equal calls do not answer alike"
    novel = _novel_words(tool, seen, lists_only=stateless)
    if len(novel) >= _NOVEL:
        listed = ", ".join(sorted(novel)[:3])
        return (
            False,
            f"its answers hold words that stand neither in its arguments nor in its declaration: {listed}",
        )
    if stateless and parameters(tool):
        return (
            True,
            "without a state its answer can depend on nothing but its arguments, and it holds nothing new",
        )
    return None, "not shown"


def _novel_words(tool: Tool, seen: Seen, *, lists_only: bool) -> set[str]:
    """Return the words of answers beyond those asked and declared.

    A function of its arguments may well name a weekday; what lists records of its own reads them
    somewhere. So where no state could be read, answers count only if they hold a list of objects.
    """
    known = set(_words(canonical_json(tool.model_dump(mode="json"))))
    found: set[str] = set()
    for step in seen.successes:
        if is_empty(step.observation):
            continue
        parsed = parse(step.observation)
        value = parsed.value if parsed is not None else step.observation.visible
        if lists_only and not any(isinstance(item, dict) for items in _lists(value) for item in items[2:]):
            continue
        asked = set(_words(canonical_json(step.call.arguments)))
        found |= {word for text in _texts(value) for word in _words(text)} - asked - known
    return found


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _lists(value: Any) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
        for item in value:
            yield from _lists(item)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _lists(inner)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)


def _names(names: set[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def _paths(paths: set[Path]) -> str:
    listed = sorted("/".join(str(part) for part in path) or "the whole answer" for path in paths)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
