"""What scoring pairs by a language model costs: one source and many candidates a request, or one pair.

Counts requests and input tokens (letters / 4, schema and instructions included) of the scorer of
``scorer=llm`` over all ordered pairs of the tools in a file, against a request for each pair in the same
form, and against the bare instructions with both tools' whole declarations. Nothing is sent. With labels
it also says how many of the true pairs are on the shortlist; fields are not observed here, so this is the
lower bound.

    python benchmarks/llm_scoring.py TOOLS.json [--labels LABELS.json]

TOOLS: {server: {"tools": [tool, ...]}} as servers list them. LABELS: as for edge_scoring.py.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import yaml

from firefly.app import config_folder
from firefly.components import build
from firefly.graph.asked import INSTRUCTIONS, Asked
from firefly.knowledge import Knowledge
from firefly.lm.connection import Connection
from firefly.lm.engine import Door, Engine
from firefly.lm.ledger import Ledger
from firefly.lm.models import Models, Settings
from firefly.lm.wire import prompt_letters, the_dspy, write_request
from firefly.records import Listing, ServerHealth
from firefly.replay.records import Tool, canonical_json


class Counting(Connection):
    """Answers that nothing is passed, and counts."""

    model, where = "counting", "nowhere"

    def __init__(self) -> None:
        self.requests = self.letters = 0

    def complete(self, request: Any) -> Any:
        from dspy.lm15 import Message, Response, Usage

        self.requests += 1
        self.letters += prompt_letters(write_request(request))
        return Response(
            id=None,
            model=self.model,
            message=Message.assistant('{"passed": []}'),
            finish_reason="stop",
            usage=Usage(input_tokens=1, output_tokens=1, total_tokens=2),
        )


class CountingModels(Models):
    """Models whose only door counts."""

    def __init__(self) -> None:
        super().__init__(Settings("live", None, {}, {}))
        self.counting = Counting()
        self.door = Door(self.counting)

    def _door(self, role: str) -> Door:
        return self.door

    def lm(self, role: str) -> Any:
        engine = Engine(role, self.door, Ledger())
        return the_dspy().LM("counting", engine=engine, cache=False, num_retries=0)


def tools_of(path: Path) -> list[Tool]:
    listed = json.loads(path.read_text(encoding="utf-8"))
    return [
        Tool(
            server=server,
            name=one["name"],
            description=one.get("description") or "",
            input_schema=one.get("inputSchema") or {},
            output_schema=one.get("outputSchema"),
        )
        for server, listing in sorted(listed.items())
        for one in listing["tools"]
    ]


def main() -> None:
    """Count and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("tools", type=Path)
    asked.add_argument("--labels", type=Path)
    given = asked.parse_args()
    tools = tools_of(given.tools)
    by_server: dict[str, list[Tool]] = {}
    for tool in tools:
        by_server.setdefault(tool.server, []).append(tool)
    knowledge = Knowledge(
        Listing(health=ServerHealth(server=server, status="ok"), tools=tuple(own))
        for server, own in by_server.items()
    )
    described = yaml.safe_load((config_folder() / "scorer" / "llm.yaml").read_text(encoding="utf-8"))
    described = described["scorers"]["llm"]
    models = CountingModels()
    scorer: Asked = build(described, {"models": models})
    for source in tools:
        scorer.score(source, tools, evidence=knowledge)
    ours = models.counting.requests, models.counting.letters // 4
    bound = len(tools) * -(-described["limit"] // described["batch"])

    pairs = len(tools) * (len(tools) - 1)
    models.counting.requests = models.counting.letters = 0
    single: Asked = build({**described, "batch": 1, "limit": 1, "shortlist": {}}, {"models": models})
    sample = [(tools[i], tools[(i * 7 + 13) % len(tools)]) for i in range(len(tools))]
    for source, target in sample:
        if source is not target:
            single.score(source, [target], evidence=knowledge)
    each = models.counting.letters / 4 / models.counting.requests
    whole = sum(len(canonical_json(one.model_dump(mode="json"))) for one in tools) / 4 / len(tools)
    print(f"{len(tools)} tools of {len(by_server)} servers, {pairs} ordered pairs")
    print(f"{'':34}{'requests':>10}{'input tokens':>16}{'times ours':>12}")
    rows = (
        ("one source, many candidates (ours)", ours[0], float(ours[1])),
        ("one request a pair, same form", pairs, pairs * each),
        ("one request a pair, declarations", pairs, pairs * (2 * whole + len(INSTRUCTIONS) / 4)),
    )
    for name, requests, tokens in rows:
        print(f"{name:34}{requests:10}{tokens:16,.0f}{tokens / ours[1]:12.1f}")
    print(f"bound on requests: {len(tools)} x ceil({described['limit']} / {described['batch']}) = {bound}")
    if given.labels:
        _recall(given.labels, scorer, knowledge, tools)


def _recall(path: Path, scorer: Asked, knowledge: Knowledge, tools: list[Tool]) -> None:
    labels = [one for one in json.loads(path.read_text(encoding="utf-8")) if one["label"]]
    pairs = {(one["producer"], one["consumer"]) for one in labels}
    by_name = {f"{one.server}.{one.name}": one for one in tools}
    kept = 0
    for producer, consumer in sorted(pairs):
        if producer == consumer or producer not in by_name or consumer not in by_name:
            continue
        chosen = scorer.candidates(by_name[producer], tools, evidence=knowledge)
        kept += by_name[consumer].key in {one.key for one in chosen}
    total = sum(p != c and p in by_name and c in by_name for p, c in pairs)
    print(f"true pairs on the shortlist: {kept} of {total}")


if __name__ == "__main__":
    main()
