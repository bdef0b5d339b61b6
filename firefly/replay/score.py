"""Grades a file of answers against a data set folder, offline: ``firefly score DATASET ANSWERS.jsonl [LOG]``.

Of the folder only ``tasks*/*.jsonl`` and ``cassette*/`` are read (``cassette_SPLIT`` for the tasks of a split
that has one, else ``cassette``), and of a task row only its ``record`` (the task as exact JSON text) or,
without one, the fields of `Task`. An answers line is ``{"id": …,
"answer": …}``, optionally with ``"calls"``: a list of ``{"server", "tool", "arguments"}`` or, as agents
see tools, ``{"name", "arguments"}``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .dataset import Simulators, load_dataset_tasks
from .errors import DatasetError, ReplayError
from .grading import grade
from .records import EpisodeOutcome, Grade, Record, Rollout, Task, ToolCall
from .served import LoggedEpisode, read_log
from .simulator import StrictSimulator
from .tool_set import ToolSet

__all__ = ["Result", "Score", "Totals", "call_of", "load_dataset_tasks", "main", "score"]

_USAGE = "usage: firefly score DATASET ANSWERS.jsonl [LOG of firefly serve]"
_SHOWN = 5
"""Tasks without an answer that are named."""


class Result(Record):
    """The grade of one line of answers."""

    id: str
    reward: int | None
    reason: str


class Totals(Record):
    """What all lines come to; the last line of the output."""

    tasks: int
    answered: int
    """Tasks with a line in the answers file."""
    right: int
    wrong: int
    not_counted: int
    """Reward None: neither right nor wrong."""
    without_answer: int
    """Tasks without a line."""
    faults: int
    """Lines that could not be used."""
    mean_reward: float | None
    """Over the counted ones; None if there are none."""


@dataclass
class Score:
    """The results of a file of answers."""

    results: list[Result] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """One message for each line that could not be used, with its number."""
    without_answer: list[str] = field(default_factory=list)
    totals: Totals | None = None


def score(folder: Path, answers: Path, log: Path | None = None) -> Score:
    """Grade every usable line of ``answers``; what can't be used is told in ``faults``.

    Args:
        folder: the data set.
        answers: one line for each answer.
        log: of `firefly serve`, for lines that name an episode.

    Raises:
        DatasetError: the folder or a file can't be read at all.
        CassetteError: the folder's cassette is damaged.
    """
    tasks = load_dataset_tasks(folder)
    try:
        lines = Path(answers).read_bytes().splitlines()
    except OSError as error:
        raise DatasetError(f"The answers at {answers} can't be read: {error.strerror or error}.") from None
    simulators = Simulators(folder)
    episodes = read_log(log) if log is not None else {}
    found = Score()
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            task, rollout, tools = _answer(line, tasks, simulators, episodes)
            if task.id in seen:
                raise _FaultError(f"a second answer to {task.id}, first on line {seen[task.id]}")
        except _FaultError as fault:
            found.faults.append(f"line {number}: {fault}")
            continue
        seen[task.id] = number
        graded = _graded(task, rollout, simulators.of(task), tools)
        found.results.append(Result(id=task.id, reward=graded.reward, reason=graded.reason))
    found.without_answer = sorted(tasks.keys() - seen.keys())
    found.totals = _totals(found, len(tasks))
    return found


class _FaultError(ValueError):
    pass


def _answer(
    line: bytes,
    tasks: Mapping[str, Task],
    simulators: Simulators,
    episodes: Mapping[str, LoggedEpisode],
) -> tuple[Task, Rollout, ToolSet | None]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _FaultError(f"not JSON: {error}") from None
    if not isinstance(row, dict):
        raise _FaultError("not a JSON object")
    name = row.get("id")
    task = tasks.get(name) if isinstance(name, str) else None
    if task is None:
        raise _FaultError("it has no id" if name is None else f"no task has the id {name!r}")
    if "answer" not in row:
        raise _FaultError('it has no "answer" (null stands for none)')
    fields: dict[str, Any] = {"answer": row["answer"]}
    outcome: EpisodeOutcome | None = row.get("outcome")
    if outcome is not None:
        fields["outcome"] = outcome
    simulator = simulators.of(task)
    tools = simulator.tool_set(task.servers) if simulator else None
    calls = row.get("calls")
    if calls is not None:
        if not isinstance(calls, list):
            raise _FaultError('"calls" is not a list')
        fields["calls"] = [call_of(one, number, tools) for number, one in enumerate(calls, start=1)]
    elif "episode" in row:
        fields |= _logged(row["episode"], task, episodes)
    try:
        return task, Rollout.model_validate(fields), tools
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _FaultError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None


def _logged(name: Any, task: Task, episodes: Mapping[str, LoggedEpisode]) -> dict[str, Any]:
    episode = episodes.get(name) if isinstance(name, str) else None
    if episode is None:
        raise _FaultError(f"the log tells of no episode {name!r}" if episodes else "no log was given")
    if episode.task not in (None, task.id):
        raise _FaultError(f"episode {name!r} was begun for task {episode.task}")
    calls = {"calls": episode.calls}
    return calls if episode.outcome is None else {**calls, "outcome": episode.outcome}


def call_of(one: Any, number: int, tools: ToolSet | None) -> ToolCall:
    """Return a call of a line of answers.

    Raises:
        ValueError: it is none; says why.
    """
    if not isinstance(one, dict):
        raise _FaultError(f"call {number} is not a JSON object")
    arguments = one.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            raise _FaultError(f"call {number}: its arguments are no JSON") from None
    if not isinstance(arguments, dict):
        raise _FaultError(f"call {number}: its arguments are not an object")
    if isinstance(one.get("server"), str) and isinstance(one.get("tool"), str):
        return ToolCall(server=one["server"], tool=one["tool"], arguments=arguments)
    if isinstance(one.get("name"), str):
        # A name that no tool has was answered by no server: the replay will say so as a miss.
        found = tools.call(one["name"], arguments) if tools else None
        return found or ToolCall(server="", tool=one["name"], arguments=arguments)
    raise _FaultError(f'call {number} names neither "server" and "tool" nor "name"')


def _graded(task: Task, rollout: Rollout, simulator: StrictSimulator | None, tools: ToolSet | None) -> Grade:
    return grade(task, rollout, simulator, tool_set=tools)


def _totals(found: Score, tasks: int) -> Totals:
    rewards = [result.reward for result in found.results]
    counted = [reward for reward in rewards if reward is not None]
    return Totals(
        tasks=tasks,
        answered=len(rewards),
        right=counted.count(1),
        wrong=counted.count(0),
        not_counted=len(rewards) - len(counted),
        without_answer=len(found.without_answer),
        faults=len(found.faults),
        mean_reward=round(sum(counted) / len(counted), 6) if counted else None,
    )


def main(argv: Sequence[str]) -> int:
    """Run ``firefly score DATASET ANSWERS.jsonl [LOG]``; print one JSON line a task, then the totals.

    Returns:
        0 if every line could be used, 1 if some could not, 2 if no line could.
    """
    if len(argv) not in (2, 3) or argv[0] in ("-h", "--help"):
        asked = bool(argv) and argv[0] in ("-h", "--help")
        print(f"{_USAGE}\n\n{__doc__}" if asked else _USAGE, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    try:
        found = score(*map(Path, argv))
    except ReplayError as error:
        print(f"firefly score: {error}", file=sys.stderr)
        return 2
    for line in _printed(found):
        print(line)
    for fault in found.faults:
        print(f"firefly score: {argv[1]}, {fault}", file=sys.stderr)
    for note in _notes(found, Path(argv[0]), argv[1]):
        print(f"firefly score: {note}", file=sys.stderr)
    if not found.results:
        return 2
    return 1 if found.faults else 0


def _notes(found: Score, folder: Path, answers: str) -> Iterator[str]:
    if not found.results and not found.faults:
        yield f'{answers} has no lines. Write one for each task: {{"id": ..., "answer": ...}}'
    if not (folder / "cassette").is_dir():
        yield f"{folder} has no cassette: calls are not replayed. Copy the whole folder to have them checked."
    if found.without_answer:
        named = found.without_answer[:_SHOWN]
        more = len(found.without_answer) - len(named)
        rest = [f"and {more} more"] if more else []
        yield f"{len(found.without_answer)} task(s) without an answer: {', '.join([*named, *rest])}"


def _printed(found: Score) -> Iterator[str]:
    for result in found.results:
        yield result.to_json()
    if found.totals is not None:
        yield found.totals.to_json()
