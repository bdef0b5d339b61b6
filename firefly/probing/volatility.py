"""Which parts of an answer change by themselves: what differed, and what looks like "now" or a stopwatch."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue

from firefly.replay.masks import blanked
from firefly.replay.parsers import parse
from firefly.replay.records import Observation, PathPart

__all__ = ["Path", "differing_paths", "has_rest", "is_passing", "measured_paths", "now_paths"]

Path = tuple[PathPart, ...]
"""A path whose array indexes are ``"*"``."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<{}>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\.?"
_DATETIME = re.compile(
    rf"(?:(?<!\d)(?P<iso>\d{{4}}-\d\d-\d\d)"
    rf"|\b{_MONTH.format('m1')} (?P<d1>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y1>\d{{4}})"
    rf"|\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?[ -]{_MONTH.format('m2')}[ -](?P<y2>\d{{4}})"
    r"|(?<![\d/])(?P<a3>\d{1,2})/(?P<b3>\d{1,2})/(?P<y3>\d{4})(?!/))"
    r"(?P<clock>(?:[T ]|, | at )\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?(?: ?[AP]M\b)?"
    r"(?:Z| ?[+-]\d\d:?\d\d)?)?(?!\d)",
    re.IGNORECASE,
)
"""A day, perhaps with a time: ISO, ``Nov 20, 2026``, ``20 November 2026``, ``11/20/2026``."""
_CLOCK = re.compile(
    r"(?<![\d:])(?P<h>\d{1,2}):(?P<m>\d\d):(?P<s>\d\d)(?:\.\d+)?(?P<half> ?[AP]M)?(?![\d:])", re.IGNORECASE
)
_LATELY = 30 * 60
"""Seconds that a probe may take: how far a time of day may lie back and be that of a call."""
_MEASURED = re.compile(
    r"(?:(?:[a-z]+(?:tion|sion|ysis)|elapsed|processing|comput(?:e|ing)|solv(?:e|er|ing)|merg(?:e|ing)|split"
    r"|query|search|pars(?:e|ing)|wall|cpu)(?:time|duration)(?:in)?|took|elapsed|time(?:taken|elapsed))"
    r"(?:ms|s|secs?|seconds|millis(?:econds)?)?"
)
"""Letters of a key whose number says how long the call took."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def differing_paths(one: Observation, other: Observation, aside: Collection[Path] = ()) -> tuple[Path, ...]:
    """Return the general paths at which two answers differ; ``((),)`` where they have no parts.

    What stands at ``aside`` is not compared: it is known to change by itself.
    """
    if one.outcome != other.outcome:
        return ((),)
    first, second = (blanked(_value(each), sorted(aside, key=repr)) for each in (one, other))
    if first is None or second is None:
        return () if _whole(one) == _whole(other) else ((),)
    return tuple(sorted(set(_differences(first, second, ())), key=repr))


def is_passing(one: Observation, other: Observation, now: datetime, aside: Collection[Path] = ()) -> bool:
    """Return whether all that differs are marks of the moment: present and measured times, unique ids.

    What stands at ``aside`` is left out.
    """
    if one.outcome != other.outcome:
        return False
    first, second = (blanked(_value(each), sorted(aside, key=repr)) for each in (one, other))
    if first is None or second is None:
        return _blanked(_whole(one), now) == _blanked(_whole(other), now)
    pairs = list(_pairs(first, second, ()))
    return bool(pairs) and all(_passes(path, a, b, now) for path, a, b in pairs)


def measured_paths(observation: Observation) -> tuple[Path, ...]:
    """Return the paths of numbers that say how long the call took; equal ones were only rounded alike."""
    value = _value(observation)
    return tuple(sorted({path for path, leaf in _leaves(value, ()) if _is_measured(path, leaf)}, key=repr))


def has_rest(observation: Observation, aside: Collection[Path]) -> bool:
    """Return whether an answer has a part, flags aside, that is not at one of the paths ``aside``."""
    value = blanked(_value(observation), sorted(aside, key=repr))
    return any(leaf is not None and not isinstance(leaf, bool) for _, leaf in _leaves(value, ()))


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
    zones = [now.astimezone(UTC), now.astimezone()]
    if match["clock"]:
        zones += [now.astimezone(UTC) + timedelta(hours=hours) for hours in (-12, 14)]
    return bool(_days(match) & {moment.date().isoformat() for moment in zones})


def _days(match: re.Match[str]) -> set[str]:
    """Return the ISO days that a date can mean: two where day and month can't be told apart."""
    if match["iso"]:
        return {match["iso"]}
    if match["y3"]:
        year, one, other = match["y3"], int(match["a3"]), int(match["b3"])
        return {f"{year}-{one:02}-{other:02}", f"{year}-{other:02}-{one:02}"}
    number = "1" if match["y1"] else "2"
    month = _MONTHS.index(match[f"m{number}"][:3].lower()) + 1
    return {f"{match[f'y{number}']}-{month:02}-{int(match[f'd{number}']):02}"}


def _is_now_clock(match: re.Match[str], now: datetime) -> bool:
    """Return whether a time of day to the second is one of the last minutes, here or in UTC."""
    hours = int(match["h"])
    if match["half"]:
        hours = hours % 12 + (12 if "p" in match["half"].lower() else 0)
    told = hours * 3600 + int(match["m"]) * 60 + int(match["s"])
    for moment in (now.astimezone(UTC), now.astimezone()):
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        if (seconds - told) % 86_400 <= _LATELY or (told - seconds) % 86_400 <= 60:
            return True
    return False


def _is_measured(path: Path, leaf: Any) -> bool:
    """Return whether a number says how long the call took; in rows of a list it is data."""
    if "*" in path or isinstance(leaf, bool) or not isinstance(leaf, int | float):
        return False
    names = [part for part in path if isinstance(part, str)]
    return bool(names) and bool(_MEASURED.fullmatch(re.sub(r"[^a-z]", "", names[-1].lower())))


def _value(observation: Observation) -> JsonValue:
    if observation.outcome != "success":
        return None
    parsed = parse(observation)
    return parsed.value if parsed is not None else None


def _whole(observation: Observation) -> str:
    kept = [attachment.sha256 for attachment in observation.attachments]
    return "\n".join([observation.outcome, observation.visible, *kept])


def _blanked(text: str, now: datetime) -> str:
    text = _DATETIME.sub(lambda match: "<now>" if _is_now_match(match, now) else match[0], text)
    text = _CLOCK.sub(lambda match: "<now>" if _is_now_clock(match, now) else match[0], text)
    return _UUID.sub("<id>", text)


def _differences(one: Any, other: Any, path: Path) -> Iterator[Path]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _differences(one[key], other[key], (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for a, b in zip(one, other, strict=True):
            yield from _differences(a, b, (*path, "*"))
    elif one != other or type(one) is not type(other):
        yield path


def _pairs(one: Any, other: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _pairs(one[key], other[key], (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for a, b in zip(one, other, strict=True):
            yield from _pairs(a, b, (*path, "*"))
    elif one != other:
        yield path, one, other


def _passes(path: Path, one: Any, other: Any, now: datetime) -> bool:
    """Return whether two different leaves are marks of the moment, and nothing else differs in them."""
    if isinstance(one, str) and isinstance(other, str):
        return _blanked(one, now) == _blanked(other, now)
    if _is_measured(path, one) and _is_measured(path, other):
        return True
    return not isinstance(one, str) and _says_now(one, now) is True and _says_now(other, now) is True


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, JsonValue]]:
    if isinstance(value, dict):
        for key in value:
            yield from _leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, (*path, "*"))
    else:
        yield path, value
