"""Which parts of an answer change by themselves: what differed, and what looks like "now"."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue

from firefly.replay.parsers import parse
from firefly.replay.records import Observation, PathPart

__all__ = ["Path", "differing_paths", "is_passing", "now_paths"]

Path = tuple[PathPart, ...]
"""A path whose array indexes are ``"*"``."""

_DATETIME = re.compile(
    r"(?<!\d)(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::\d\d)?(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?(?!\d)"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def differing_paths(one: Observation, other: Observation) -> tuple[Path, ...]:
    """Return the general paths at which two answers differ; ``((),)`` where they have no parts."""
    if one.outcome != other.outcome:
        return ((),)
    first, second = _value(one), _value(other)
    if first is None or second is None:
        return () if _whole(one) == _whole(other) else ((),)
    return tuple(sorted(set(_differences(first, second, ())), key=repr))


def is_passing(one: Observation, other: Observation, now: datetime) -> bool:
    """Return whether all that differs are present times and unique ids: marks of the moment."""
    if one.outcome != other.outcome:
        return False
    first, second = _value(one), _value(other)
    if first is None or second is None:
        return _blanked(_whole(one), now) == _blanked(_whole(other), now)
    pairs = list(_pairs(first, second))
    return bool(pairs) and all(_is_mark(a, now) and _is_mark(b, now) for a, b in pairs)


def now_paths(
    observation: Observation, arguments: Mapping[str, JsonValue], now: datetime
) -> tuple[Path, ...]:
    """Return the general paths whose values all look like the present moment.

    Equal answers to repeated calls can hide a clock (seconds, days); a value of today that the call did
    not bring itself gives it away. A path that also holds other days is data.
    """
    asked = {str(value) for value in arguments.values()}
    value = _value(observation)
    if value is None:
        found = [match for match in _DATETIME.finditer(_whole(observation)) if match.group() not in asked]
        return ((),) if found and all(_is_now_match(match, now) for match in found) else ()
    groups: dict[Path, list[bool]] = defaultdict(list)
    for path, leaf in _leaves(value, ()):
        said = _says_now(leaf, now)
        if said is not None and str(leaf) not in asked:
            groups[path].append(said)
    return tuple(sorted((path for path, said in groups.items() if all(said)), key=repr))


def _says_now(leaf: JsonValue, now: datetime) -> bool | None:
    """Return whether a leaf is a time near now; None when it is no time."""
    if isinstance(leaf, bool) or leaf is None:
        return None
    if isinstance(leaf, int | float):
        seconds = leaf / 1000 if leaf > 1e11 else leaf
        if not 1e9 < seconds < 4e9:
            return None
        return abs(seconds - now.timestamp()) < 86_400
    if isinstance(leaf, str) and len(leaf) <= 4000:
        matches = list(_DATETIME.finditer(leaf))
        return all(_is_now_match(match, now) for match in matches) if matches else None
    return None


def _is_now_match(match: re.Match[str], now: datetime) -> bool:
    days = {(now.astimezone(UTC) + timedelta(hours=hours)).date().isoformat() for hours in (-12, 0, 14)}
    if not match[2]:
        days = {now.astimezone(UTC).date().isoformat(), now.astimezone().date().isoformat()}
    return match[1] in days


def _value(observation: Observation) -> JsonValue:
    if observation.outcome != "success":
        return None
    parsed = parse(observation)
    return parsed.value if parsed is not None else None


def _whole(observation: Observation) -> str:
    kept = [attachment.sha256 for attachment in observation.attachments]
    return "\n".join([observation.outcome, observation.visible, *kept])


def _blanked(text: str, now: datetime) -> str:
    return _UUID.sub(
        "<id>", _DATETIME.sub(lambda match: "<now>" if _is_now_match(match, now) else match[0], text)
    )


def _differences(one: Any, other: Any, path: Path) -> Iterator[Path]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _differences(one[key], other[key], (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for a, b in zip(one, other, strict=True):
            yield from _differences(a, b, (*path, "*"))
    elif one != other or type(one) is not type(other):
        yield path


def _pairs(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _pairs(one[key], other[key])
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for a, b in zip(one, other, strict=True):
            yield from _pairs(a, b)
    elif one != other:
        yield one, other


def _is_mark(value: Any, now: datetime) -> bool:
    if isinstance(value, str) and _UUID.fullmatch(value):
        return True
    return _says_now(value, now) is True and (not isinstance(value, str) or _blanked(value, now) != value)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, JsonValue]]:
    if isinstance(value, dict):
        for key in value:
            yield from _leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, (*path, "*"))
    else:
        yield path, value
