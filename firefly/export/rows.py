"""One row of each table, made from records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import JsonValue

from firefly.export.tables import exact_text
from firefly.protocols import DatasetContent
from firefly.records import Listing, Verdict
from firefly.replay.end_state import probe_answers
from firefly.replay.records import Task, Tool
from firefly.replay.tool_set import ToolSet

Row = dict[str, JsonValue]

USUAL_SPLITS = ("train", "validation", "test")


def splits(content: DatasetContent) -> Iterable[tuple[str, str, list[Task]]]:
    """Yield (suffix of the config name, split, its tasks in id order); empty splits are left out.

    A split other than the usual three (tasks whose servers straddle two splits, say) goes to a config
    of its own, so that nobody trains or tests on it by accident.
    """
    known = [split for split in USUAL_SPLITS if split in content.tasks]
    for split in known + sorted(set(content.tasks) - set(known)):
        tasks = sorted(content.tasks[split], key=lambda task: task.id)
        if tasks:
            yield ("" if split in USUAL_SPLITS else f"_{split}"), split, tasks


def tool_set_of(listings: Iterable[Listing], servers: Iterable[str]) -> ToolSet:
    """Return what an agent sees: every allowed tool of ``servers``, not those of the gold calls alone."""
    names = set(servers)
    return ToolSet.of(
        tool
        for listing in listings
        if listing.server in names and listing.health.status == "ok"
        for tool in listing.callable_tools
    )


def function_schemas(tools: ToolSet) -> list[JsonValue]:
    """Return the tools as OpenAI function schemas, in the tool set's order."""
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": tool.description or tool.title,
                "parameters": {"type": "object", "properties": {}, **tool.input_schema},
            },
        }
        for name, tool in tools.names.items()
    ]


def task_row(task: Task, split: str, content: DatasetContent) -> Row:
    """Return a row of the ``tasks`` table; its core columns are the fields of `Task`."""
    tools = tool_set_of(content.listings, task.servers)
    verdict = content.verdicts.get(task.id)
    return {
        **_plain(task),
        "rubric": list[JsonValue](task.rubric),
        "prompt": [{"role": "user", "content": task.prompt}],
        "tool_names": list[JsonValue](sorted(tools.names)),
        "environment": tools.digest,
        "packages": _packages(content.listings, task.servers),
        "synthesis": task.provenance.synthesizer,
        "split": split,
        "checks": _checks(verdict),
        "probes": [_plain(probe_answers(probe, content.cassette_of(split))) for probe in task.end_state],
        "record": exact_text(_plain(task)),
    }


def rejected_row(task: Task, verdict: Verdict) -> Row:
    """Return a row of the ``rejected`` table: a candidate with everything that every check said of it."""
    return {
        **_plain(task),
        "rubric": list[JsonValue](task.rubric),
        "synthesis": task.provenance.synthesizer,
        "failed": [
            result.check
            for result in verdict.results
            if result.required and result.status in ("fail", "unknown")
        ],
        "checks": _checks(verdict),
        "record": exact_text(_plain(task)),
    }


def tool_row(tool: Tool, listing: Listing) -> Row:
    """Return a row of the ``tools`` table; ``sha256`` is that of ``record``."""
    alone = ToolSet.of(listing.tools)
    record = exact_text(_plain(tool))
    return {
        "server": tool.server,
        "name": tool.name,
        "agent_name": alone.name_of(tool.server, tool.name),
        "title": tool.title,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
        "annotations": _plain(tool.annotations),
        "schema_digest": tool.schema_digest,
        "sha256": hashlib.sha256(record.encode()).hexdigest(),
        "package": listing.health.package,
        "allowed": tool.name not in listing.refused,
        "refused": listing.refused.get(tool.name, ""),
        "record": record,
    }


def _packages(listings: Iterable[Listing], servers: Iterable[str]) -> list[JsonValue]:
    names = set(servers)
    found = {one.health.package for one in listings if one.server in names and one.health.package}
    return list[JsonValue](sorted(found))


def _checks(verdict: Verdict | None) -> list[JsonValue]:
    return [_plain(result) for result in verdict.results] if verdict is not None else []


def _plain(record: Any) -> Row:
    plain: Mapping[str, JsonValue] = record.model_dump(mode="json")
    return dict(plain)
