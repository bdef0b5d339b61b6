"""Function servers over one small library: its catalogue, its readers, and a calculator.

For tests of synthesis and verification; everything is right by hand.
"""

from __future__ import annotations

from typing import Any

from firefly.knowledge import Knowledge
from firefly.records import Exploration, ExploredCall, Link, Node, SubDag, ToolProfile
from firefly.replay.records import Answer, Expression, GoldCall, Provenance, Recording, Task, ToolCall
from firefly.replay.tool_set import ToolSet
from tests.function_servers import FunctionServers

BOOKS = [
    {"isbn": "978-0-11", "title": "Salt Roads", "genre": "novel", "pages": 312, "lent_to": "R-17"},
    {"isbn": "978-0-12", "title": "Glass Harbour", "genre": "novel", "pages": 287, "lent_to": "R-42"},
    {"isbn": "978-0-13", "title": "Moss and Lichen", "genre": "science", "pages": 455, "lent_to": "R-63"},
    {"isbn": "978-0-14", "title": "Tide Tables", "genre": "reference", "pages": 96, "lent_to": "R-42"},
    {"isbn": "978-0-15", "title": "Slow Rivers", "genre": "science", "pages": 530, "lent_to": "R-29"},
]
READERS = {
    "R-17": {"name": "Ada Holm", "town": "Lund", "joined": "2021-04-03", "fees": 12.5},
    "R-29": {"name": "Ben Okoro", "town": "Leeds", "joined": "2019-11-20", "fees": 3.75},
    "R-42": {"name": "Cora Diaz", "town": "Cadiz", "joined": "2023-01-15", "fees": 41.2},
    "R-63": {"name": "Dag Ferro", "town": "Turin", "joined": "2022-08-30", "fees": 8.0},
}
LOANS = {
    "Lund": [("Oak Street", 120), ("Mill Lane", 75), ("Quay", 33)],
    "Leeds": [("Briggate", 210), ("Kirkgate", 64), ("Calls", 58)],
    "Cadiz": [("Plaza", 91), ("Puerto", 142), ("Norte", 17)],
    "Turin": [("Po", 88), ("Dora", 45), ("Sangone", 301)],
}


def list_books() -> Any:
    """List all books in the library."""
    return {"books": BOOKS}


def get_reader(reader_id: str) -> Any:
    """Get the reader with a given number."""
    if reader_id not in READERS:
        raise ValueError(f"no reader {reader_id}")
    return READERS[reader_id]


def list_branches(town: str) -> Any:
    """List the branches in a specific town."""
    if town not in LOANS:
        raise ValueError(f"no branches in {town}")
    return {"branches": [{"name": name, "loans": loans} for name, loans in LOANS[town]]}


def multiply(first: float, second: float) -> Any:
    """Multiply two numbers."""
    return {"product": first * second, "factors": [first, second]}


CHAIN = SubDag(
    nodes=(
        Node(id="n1", tool=("catalogue", "list_books")),
        Node(id="n2", tool=("readers", "get_reader")),
        Node(id="n3", tool=("readers", "list_branches")),
    ),
    links=(
        Link(source="n1", target="n2", parameter="reader_id", output_path=("books", "*", "lent_to")),
        Link(source="n2", target="n3", parameter="town", output_path=("town",)),
    ),
)
SHORT = SubDag(nodes=CHAIN.nodes[:2], links=CHAIN.links[:1])
ALONE = SubDag(nodes=CHAIN.nodes[:1])


def library() -> FunctionServers:
    return FunctionServers(
        {"catalogue": [list_books], "readers": [get_reader, list_branches], "numbers": [multiply]}
    )


def known(explorations: tuple[Exploration, ...] = (), **profile: Any) -> Knowledge:
    """What is known of the library after probing; all its tools read data, the calculator does not."""
    probed = library().knowledge(
        [
            ("catalogue", "list_books", {}),
            ("readers", "get_reader", {"reader_id": "R-17"}),
            ("readers", "list_branches", {"town": "Turin"}),
            ("numbers", "multiply", {"first": 2.0, "second": 3.5}),
        ],
        **profile,
    )
    profiles = [
        ToolProfile.model_validate({**one.model_dump(), "pure": one.server == "numbers"})
        for one in probed.profiles.values()
    ]
    recordings = [*probed.recordings, *(exploration.recording for exploration in explorations)]
    return Knowledge(probed.listings.values(), profiles, recordings)


def explored(*calls: tuple[str, str, dict[str, Any]], servers: FunctionServers | None = None) -> Exploration:
    """An exploration that made these calls, whatever its sub-DAG."""
    backend = servers or library()
    tools = ToolSet.of(tool for listing in backend.listings() for tool in listing.tools)
    with backend.episode(tools) as episode:
        for server, tool, arguments in calls:
            episode.call(ToolCall(server=server, tool=tool, arguments=arguments))
        steps = tuple(episode.steps)
    recording = Recording(
        purpose="exploration", servers=tuple(sorted({step.call.server for step in steps})), steps=steps
    )
    made = tuple(
        ExploredCall(id=f"c{number}", node=f"n{number}", step=step)
        for number, step in enumerate(steps, start=1)
    )
    return Exploration(sub_dag=CHAIN, calls=made, recording=recording, completed=True)


EXPLORATION = explored(
    ("catalogue", "list_books", {}),
    ("readers", "get_reader", {"reader_id": "R-29"}),
    ("readers", "list_branches", {"town": "Leeds"}),
)

TASK: dict[str, Any] = {
    "question": (
        "Find out who has borrowed the book with the most pages in the library. How many loans were there in "
        "all branches of that reader's town together?"
    ),
    "answer_format": "Answer with the number alone, in digits.",
    "answer": Answer(type="number", value=332),
    "expression": Expression(op="sum", call="c3", path=("branches",), field=("loans",)),
    "gold_calls": (
        GoldCall(id="c1", server="catalogue", tool="list_books"),
        GoldCall(
            id="c2",
            server="readers",
            tool="get_reader",
            arguments={"reader_id": "R-29"},
            references={
                "reader_id": Expression(
                    op="sort",
                    call="c1",
                    path=("books",),
                    field=("lent_to",),
                    by=("pages",),
                    descending=True,
                    limit=1,
                )
            },
        ),
        GoldCall(
            id="c3",
            server="readers",
            tool="list_branches",
            arguments={"town": "Leeds"},
            references={"town": Expression(op="value", call="c2", path=("town",))},
        ),
    ),
    "servers": ("catalogue", "readers"),
    "provenance": Provenance(exploration=EXPLORATION.id, synthesizer="hand"),
}


def task(**changes: Any) -> Task:
    """A good task, changed."""
    return Task.model_validate({**TASK, **changes})


def gold(number: int, **changes: Any) -> tuple[GoldCall, ...]:
    """The good task's calls, one of them (counted from 1) changed."""
    calls = list(TASK["gold_calls"])
    calls[number - 1] = GoldCall.model_validate({**calls[number - 1].model_dump(), **changes})
    return tuple(calls)
