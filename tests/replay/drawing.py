"""Servers that draw something in every run, and agents that use what they were told."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from random import Random
from typing import Any

from firefly.replay.backend import Episode
from firefly.replay.records import Observation, Recording, Step, ToolCall
from firefly.replay.simulator import StrictSimulator
from tests.replay.toys import Json, Machine, Toy, call

_RUNS = count()
DRAWN = re.compile(r"\b(?:s-[0-9a-f]{10}|ticket [0-9]{9}|\d{4}-\d\d-\d\dT[\d:.]+)")
"""What the servers below draw."""

Act = tuple[Any, ...]
"""(tool, arguments), where an argument ``#2`` stands for the second value that was drawn so far."""


def _begin(m: Machine) -> None:
    m.memory["draw"] = Random(f"run {next(_RUNS)}")
    m.memory["open"] = {}


def _session(m: Machine) -> str:
    return f"s-{m.memory['draw'].getrandbits(40):010x}"


def _moment(m: Machine) -> str:
    moment = datetime(2026, 1, 1) + timedelta(milliseconds=m.memory["draw"].randrange(10**10))
    return moment.isoformat(timespec="milliseconds")


def _open(m: Machine, a: Json) -> Json:
    name = _session(m)
    m.memory["open"][name] = {"for": a["name"]}
    return f"Opened {name} for {a['name']} at {_moment(m)}."


def _of(m: Machine, a: Json) -> dict[str, Json]:
    found = m.memory["open"].get(a["session"])
    if found is None:
        raise ValueError(f"no session {a['session']}")
    return found  # type: ignore[no-any-return]


def _put(m: Machine, a: Json) -> Json:
    _of(m, a)[a["k"]] = a["v"]
    return f"stored in {a['session']}"


def _get(m: Machine, a: Json) -> Json:
    return _of(m, a).get(a["k"], "nothing")


def _list(m: Machine, a: Json) -> Json:
    return [f"{name} ({found['for']})" for name, found in m.memory["open"].items()]


def _first_letter(m: Machine, a: Json) -> Json:
    """What a mere name would not decide."""
    _of(m, a)
    return f"begins with {a['session'][2]}"


TOOLS: dict[tuple[str, str], Callable[[Machine, Json], Json]] = {
    ("s", "open"): _open,
    ("s", "put"): _put,
    ("s", "get"): _get,
    ("s", "list"): _list,
    ("s", "letter"): _first_letter,
}
SESSIONS = Toy(TOOLS, [], frozenset({("s", "get"), ("s", "list"), ("s", "letter")}), setup=_begin)


def acts(rng: Random, length: int) -> list[Act]:
    """Return what an agent does: a session first, then anything with one of those that it has."""
    found: list[Act] = [("open", {"name": rng.choice("ab")})]
    sessions = 1
    while len(found) < length:
        session = f"#{rng.randint(1, sessions)}"
        tool = rng.choice(("open", "put", "put", "get", "get", "get", "list", "letter"))
        if tool == "open":
            sessions += 1
            found.append(("open", {"name": rng.choice("ab")}))
        elif tool == "put":
            found.append(("put", {"session": session, "k": rng.choice("xy"), "v": rng.choice((1, 2))}))
        elif tool == "get":
            found.append(("get", {"session": session, "k": rng.choice("xy")}))
        else:
            found.append((tool, {} if tool == "list" else {"session": session}))
    return found


def made(doing: Sequence[Act], ask: Callable[[ToolCall], Observation]) -> list[tuple[ToolCall, Observation]]:
    """Do it all: give each call what earlier answers named; stop where one has no answer."""
    sessions: list[str] = []
    times: list[str] = []
    found: list[tuple[ToolCall, Observation]] = []
    for tool, arguments in doing:
        known = {f"#{number}": value for number, value in enumerate(sessions, start=1)}
        known |= {f"@{number}": value for number, value in enumerate(times, start=1)}
        given = {
            key: known.get(value, value) if isinstance(value, str) else value
            for key, value in arguments.items()
        }
        one = call("s", tool, **given)
        found.append((one, ask(one)))
        text = found[-1][1].text
        if found[-1][1].outcome == "miss":
            break
        if tool in ("open", "child"):
            sessions += re.findall(r"s-[0-9a-f]{10}", text)
        if tool in ("now", "later"):
            times += re.findall(r"\d{4}-\d\d-\d\dT[\d:.]+", text)
    return found


def live(doing: Sequence[Act], toy: Toy = SESSIONS) -> list[Step]:
    """Return the steps of one run on a fresh machine."""
    machine = Machine()
    toy.setup(machine)
    steps: list[Step] = []

    def ask(one: ToolCall) -> Observation:
        steps.append(toy.step(machine, one, steps[-1].after if steps else None))
        return steps[-1].observation

    made(doing, ask)
    return steps


def recorded(episodes: Sequence[Sequence[Act]], toy: Toy = SESSIONS) -> list[Recording]:
    return [
        Recording(purpose="exploration", servers=("s",), seed=number, steps=tuple(live(doing, toy)))
        for number, doing in enumerate(episodes)
    ]


def named(observations: Sequence[Observation]) -> list[str]:
    """Return the answers with every drawn value as its number in the order of appearance."""
    names: dict[str, str] = {}
    return [
        DRAWN.sub(lambda match: names.setdefault(match[0], f"<{len(names)}>"), one.text)
        for one in observations
    ]


def replayed(simulator: StrictSimulator, doing: Sequence[Act], toy: Toy = SESSIONS) -> list[Observation]:
    """Return the simulator's answers to an agent that does the same; the last one may be a miss."""
    episode: Episode = simulator.episode(toy.tool_set)
    with episode:
        return [observation for _, observation in made(doing, episode.call)]


# --- a server that derives things from what it drew: renaming these would make up answers ---------------


def _hashed(text: str) -> str:
    return "s-" + sha256(text.encode()).hexdigest()[:10]


def _hour_later(text: str) -> str:
    return f"{text[:11]}11{text[13:]}"


def derived(tool: str, given: Json, sessions: Sequence[str]) -> str | None:
    """Return what the server below must say, as far as that follows from what it said before."""
    session = given.get("session", "")
    return {
        "short": session[:8],
        "sorted": str(sorted(sessions)),
        "later": f"at {_hour_later(given.get('t', ''))}",
    }.get(tool)


def _derive(tool: str) -> Callable[[Machine, Json], Json]:
    def behave(m: Machine, a: Json) -> Json:
        if tool == "open":
            m.memory["open"][_session(m)] = {}
            return f"session {list(m.memory['open'])[-1]}"
        if tool == "now":
            return f"now {_moment(m)}"
        if tool == "count":
            return len(m.memory["open"])
        if "session" in a and a["session"] not in m.memory["open"]:
            raise ValueError("no session")
        if tool == "child":  # a digest tells nothing: whoever can't reckon it takes it for a name
            m.memory["open"][_hashed(a["session"])] = {}
            return f"child {_hashed(a['session'])}"
        return derived(tool, a, list(m.memory["open"]))

    return behave


DERIVING = Toy(
    {("s", tool): _derive(tool) for tool in ("open", "now", "short", "child", "sorted", "later", "count")},
    [],
    frozenset({("s", tool) for tool in ("short", "sorted", "later", "count", "now")}),
    setup=_begin,
)


def deriving_acts(rng: Random, length: int) -> list[Act]:
    """Return what an agent does with what was drawn and derived (``#1``: the first session or time)."""
    found: list[Act] = [("open", {}), ("now", {})]
    drawn, times = 1, 1
    while len(found) < length:
        tool = rng.choice(("open", "now", "short", "child", "child", "sorted", "later", "later", "count"))
        if tool in ("short", "child"):
            found.append((tool, {"session": f"#{rng.randint(1, drawn)}"}))
            drawn += tool == "child"
        elif tool == "later":
            found.append((tool, {"t": f"@{rng.randint(1, times)}"}))
            times += 1
        else:
            found.append((tool, {}))
            drawn, times = drawn + (tool == "open"), times + (tool == "now")
    return found
