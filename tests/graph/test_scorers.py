from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest

from firefly.graph import prune
from firefly.graph.combined import Combined
from firefly.graph.observed import Observed
from firefly.graph.text import Text
from firefly.graph.texts import values_in
from firefly.knowledge import Knowledge
from firefly.records import Edge, Listing, ServerHealth, ToolProfile
from firefly.replay.records import Observation, Recording, State, Step, Tool, ToolCall
from tests.graph.scoring import best_score, configured, graph_of

TEXT = {"type": "string"}
FILES = ("/workspace/docs/a.csv", "/workspace/docs/old/b.csv", "/workspace/plan.xlsx")


def tool(name: str, description: str = "", /, **properties: Any) -> Tool:
    required = [key for key in properties if not key.startswith("opt")]
    schema = {"type": "object", "properties": properties, "required": required}
    return Tool(server="s", name=name, description=description, input_schema=schema)


def known(
    tools: list[Tool],
    calls: list[tuple[str, dict[str, Any], str]],
    files: tuple[str, ...] = (),
    **profile: Any,
) -> Knowledge:
    """Return what is known after ``calls``: (tool, arguments, answer), answers that begin with ! failing."""
    state = State(history="")
    steps = tuple(
        Step(
            call=ToolCall(server="s", tool=name, arguments=arguments),
            observation=Observation(
                outcome="failure" if answer.startswith("!") else "success", text=answer.lstrip("!")
            ),
            schema_digest="",
            scope="workspace",
            before=state,
            after=state,
        )
        for name, arguments, answer in calls
    )
    profiles = [
        ToolProfile.model_validate(
            {"server": "s", "tool": one.name, "schema_digest": one.schema_digest, "effect": "read", **profile}
        )
        for one in tools
    ]
    listing = Listing(health=ServerHealth(server="s", status="ok"), tools=tuple(tools), files=files)
    return Knowledge([listing], profiles, [Recording(purpose="probing", servers=("s",), steps=steps)])


def test_names_in_a_folder_that_was_asked_about_are_files_for_what_takes_files() -> None:
    tools = [tool("browse", path=TEXT), tool("read_file", path=TEXT), tool("list_directory", path=TEXT)]
    calls = [("browse", {"path": "/workspace/docs"}, '["a.csv", "old"]')]
    edges = graph_of(known(tools, calls, FILES), Observed())
    assert best_score(edges, "s.browse", "s.read_file", "path") > 0.3
    assert best_score(edges, "s.browse", "s.list_directory", "path") > 0.3
    elsewhere = graph_of(known(tools, [("browse", {"path": "/workspace/docs"}, '["kiwi", "fig"]')], FILES))
    assert best_score(elsewhere, "s.browse", "s.read_file", "path") < 0.3


def test_what_a_parameter_took_says_which_files_it_takes() -> None:
    tools = [tool("browse", path=TEXT), tool("summarise", path=TEXT)]
    browsed = ("browse", {"path": "/workspace/docs"}, '["a.csv"]')
    csv = ("summarise", {"path": "docs/old/b.csv"}, '{"rows": 3}')
    xlsx = ("summarise", {"path": "plan.xlsx"}, '{"rows": 3}')
    refusing = ("summarise", {"path": "docs/old/b.csv"}, "!no workbook")
    alike = graph_of(known(tools, [browsed, csv], FILES), Observed())
    other = graph_of(known(tools, [browsed, xlsx, refusing], FILES), Observed())
    scores = [best_score(edges, "s.browse", "s.summarise", "path") for edges in (alike, other)]
    assert scores[0] > 0.5 > 2 * scores[1]


@pytest.mark.parametrize(
    ("text", "values", "others"),
    [
        ("  hotfix/TCK-1\n* main", ("hotfix/TCK-1", "main"), 0),
        ("On branch main: nothing to commit, it is all clean.", (), 1),
        ("Saved as 4f9a1c2e77 in the archive of last year", ("4f9a1c2e77",), 1),
        ("if (a == b) { return 1; }", (), 1),
        ("", (), 0),
    ],
)
def test_plain_text_holds_entries_and_tokens_with_a_form(
    text: str, values: tuple[str, ...], others: int
) -> None:
    found, prose = values_in(text)
    assert (set(found), prose) == (set(values), others)


def test_an_edge_from_plain_text_takes_no_place_of_one_along_which_a_value_can_be_named() -> None:
    def edge(source: str, path: tuple[str, ...], score: float) -> Edge:
        return Edge(source=("s", source), target=("s", "x"), parameter="p", output_path=path, score=score)

    texts = [edge(f"t{n}", (), 0.9) for n in range(3)]
    named = edge("n", ("id",), 0.4)
    assert named in prune([*texts, named], per_parameter=2)
    assert len(prune([*texts, named], per_parameter=2)) == 3


def test_objects_that_have_every_key_are_passed_whole_and_single_values_only_refer() -> None:
    relation = {"type": "object", "properties": {"from": TEXT, "to": TEXT}, "required": ["from", "to"]}
    note = {"type": "object", "properties": {"city": TEXT, "text": TEXT}, "required": ["city", "text"]}
    tools = [
        tool("read_map"),
        tool("remove_roads", roads={"type": "array", "items": relation}),
        tool("add_notes", notes={"type": "array", "items": note}),
    ]
    answer = '{"cities": [{"city": "Lund"}], "roads": [{"from": "Lund", "to": "Ystad", "km": 60}]}'
    edges = graph_of(known(tools, [("read_map", {}, answer)]), Observed())
    whole = next(edge for edge in edges if edge.parameter == "roads" and edge.kind == "produces")
    assert whole.output_path == ("roads",)
    assert whole.score > 0.7
    assert {edge.kind for edge in edges if edge.parameter == "notes"} == {"refers_to"}


def test_a_message_that_people_write_is_not_fed_by_a_field_of_that_name() -> None:
    tools = [tool("history"), tool("save", message=TEXT), tool("lookup", release=TEXT)]
    answer = '[{"message": "first try at it", "release": "one"}, {"message": "second go", "release": "two"}]'
    edges = graph_of(known(tools, [("history", {}, answer)]), Observed())
    message = best_score(edges, "s.history", "s.save", "message")
    assert message < 0.3 < best_score(edges, "s.history", "s.lookup", "release")


def test_wording_tells_the_likelier_source_of_a_tool_never_called_and_alone_makes_no_edge() -> None:
    tools = [
        tool("find_invoices", "Finds invoices and returns the number of each invoice"),
        tool("weather", "Says how warm it will be"),
        tool("pay", no={"type": "string", "description": "Number of the invoice to pay"}),
    ]
    edges = graph_of(known(tools, []), Text(floor=0.05))
    near = best_score(edges, "s.find_invoices", "s.pay", "no")
    assert near > best_score(edges, "s.weather", "s.pay", "no")
    assert not prune(graph_of(known(tools, [])))


def test_what_judges_tools_as_such_strengthens_every_path_and_must_be_a_part() -> None:
    class Says:
        def __init__(self, *paths: tuple[str, ...]) -> None:
            self.paths = paths

        def score(self, source: Tool, targets: Any, *, evidence: Knowledge) -> list[Edge]:
            return [
                Edge(source=source.key, target=one.key, parameter="p", output_path=path, score=0.5)
                for one in targets
                for path in self.paths
            ]

    parts = {"values": Says(("a",), ("b",)), "words": Says(())}
    source, target = tool("one"), tool("two", p=TEXT)
    knowledge = known([source, target], [])
    scorer = Combined(scorers=parts, weights={"words": 0.4}, general=["words"])
    found = {edge.output_path: edge.score for edge in scorer.score(source, [target], evidence=knowledge)}
    assert found == {("a",): 0.6, ("b",): 0.6}
    with pytest.raises(ValueError, match="Did you mean 'words'"):
        Combined(scorers=parts, general=["word"])


def test_a_server_of_many_tools_takes_seconds() -> None:
    rng = Random(0)
    nouns = ("order", "user", "ticket", "invoice", "repo", "page", "issue", "label", "team", "asset")
    tools, calls = [], []
    for number in range(171):
        noun = nouns[number % len(nouns)]
        name = f"get_{noun}_{number}"
        tools.append(tool(name, f"Gets one {noun}", **{f"{noun}_id": TEXT, "opt_limit": {"type": "integer"}}))
        row = {f"{one}_id": f"{one[:2].upper()}-{rng.randrange(99)}" for one in rng.sample(nouns, 3)}
        calls.append((name, {f"{noun}_id": f"{noun[:2].upper()}-{number}"}, str([row]).replace("'", '"')))
    knowledge = known(tools, calls)
    started = time.process_time()
    edges = prune(graph_of(knowledge, configured()))
    assert edges
    assert time.process_time() - started < 30
