from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from firefly.knowledge import Knowledge
from firefly.parameters import parameters
from firefly.protocols import Proposal, ValueSource
from firefly.records import Listing, ServerHealth, ToolProfile, ValueOutcome
from firefly.replay.records import Observation, Recording, State, Step, Tool, ToolCall
from firefly.values import (
    arguments,
    description,
    dictionary,
    errors,
    grammar,
    launch,
    observed,
    pool,
    proposals,
    schema,
)
from firefly.values.description import described, shown_calls
from firefly.values.semantic import semantic_type, shape
from firefly.values.weights import factor, tallied
from tests.value_sources import SOURCES

TEXT = {"type": "string"}


def tool(name: str, /, *required: str, says: str = "", server: str = "srv", **properties: Any) -> Tool:
    return Tool(
        server=server,
        name=name,
        description=says,
        input_schema={"type": "object", "properties": properties, "required": list(required)},
    )


def known(
    tools: Sequence[Tool],
    steps: Sequence[tuple[Tool, dict[str, Any], str, str]] = (),
    *,
    launched: Sequence[str] = (),
    files: Sequence[str] = (),
    profiles: Sequence[ToolProfile] = (),
) -> Knowledge:
    """Steps are (tool, arguments, outcome, text)."""
    state = State(history="h")
    recorded = [
        Step(
            call=ToolCall(server=one.server, tool=one.name, arguments=given),
            observation=Observation(outcome=outcome, text=text),  # type: ignore[arg-type]
            schema_digest=one.schema_digest,
            scope="workspace",
            before=state,
            after=state,
        )
        for one, given, outcome, text in steps
    ]
    servers = sorted({one.server for one in tools})
    return Knowledge(
        [
            Listing(
                health=ServerHealth(server=server, status="ok"),
                tools=tuple(one for one in tools if one.server == server),
                launch_values=tuple(launched),
                files=tuple(files),
            )
            for server in servers
        ],
        profiles,
        [Recording(purpose="probing", servers=tuple(servers), steps=tuple(recorded))] if recorded else [],
    )


def values_of(source: ValueSource, of: Tool, name: str, knowledge: Knowledge) -> list[Any]:
    parameter = next(one for one in parameters(of) if one.name == name)
    found = source.propose(of, parameter, knowledge=knowledge, rng=Random(0))
    return [one.value for one in sorted(found, key=lambda one: -one.weight)]


def best(of: Tool, knowledge: Knowledge) -> dict[str, Any]:
    return next(arguments(of, SOURCES, knowledge, Random(0)))[0]


# --- sources -----------------------------------------------------------------------------------


def test_observed_matches_by_field_name_and_by_what_the_producer_is_about() -> None:
    lists = tool("list_tables")
    describe = tool("describe_table", "table_name", table_name=TEXT)
    seen = known([lists, describe], [(lists, {}, "success", "[{'name': 'orders'}, {'name': 'tickets'}]")])
    assert set(values_of(observed.Observed(), describe, "table_name", seen)) == {"orders", "tickets"}


def test_observed_matches_by_the_kind_of_the_value() -> None:
    log = tool("log")
    show = tool("show", "revision", revision=TEXT)
    text = "Commit: beaee2a133de8ca5300069c0640b43eb390d02a3\nAuthor: Ada\nMessage: second\n"
    assert values_of(
        observed.Observed(), show, "revision", known([log, show], [(log, {}, "success", text)])
    ) == ["beaee2a133de8ca5300069c0640b43eb390d02a3"]


def test_a_project_by_its_name_is_a_record_and_a_project_folder_a_path() -> None:
    named = {"type": "string", "description": "Project name (made if it does not exist)"}
    folder = {"type": "string", "description": "The project directory"}
    count = tool("count_boxes", "project", project=named)
    scan = tool("scan", "project", project=folder)
    projects = tool("list_projects")
    seen = known(
        [count, scan, projects],
        [(projects, {}, "success", '[{"name": "barn-roof"}]')],
        files=["/workspace/a.json"],
    )
    assert values_of(launch.Launch(), count, "project", seen) == []
    assert "/workspace" in values_of(launch.Launch(), scan, "project", seen)
    assert values_of(observed.Observed(), count, "project", seen) == ["barn-roof"]


def test_what_is_made_gets_no_name_that_is_there_already() -> None:
    lists, makes, gets = (
        tool("list_crates"),
        tool("create_crate", "name", name=TEXT),
        tool("get_crate", "name", name=TEXT),
    )
    seen = known([lists, makes, gets], [(lists, {}, "success", '[{"name": "north"}]')])
    assert values_of(observed.Observed(), gets, "name", seen) == ["north"]
    assert values_of(observed.Observed(), makes, "name", seen) == []


def test_observed_prefers_an_id_to_what_stands_beside_it() -> None:
    lists = tool("list_notes")
    get = tool("get_note", "note_id", note_id=TEXT)
    seen = known([lists, get], [(lists, {}, "success", '[{"note_id": "N-1", "text": "buy milk and bread"}]')])
    assert values_of(observed.Observed(), get, "note_id", seen) == ["N-1"]


def test_observed_reads_keys_that_are_data() -> None:
    lists = tool("list_workbooks")
    read = tool("read_range", "path", path=TEXT)
    seen = known([lists, read], [(lists, {}, "success", '{"plan.xlsx": 11611}')])
    assert values_of(observed.Observed(), read, "path", seen) == ["plan.xlsx"]


def test_decoration_headings_and_words_for_nothing_are_no_values() -> None:
    lists = tool("list_collections")
    get = tool("get_collection", "collection_name", collection_name=TEXT)
    table = "Collections:\n| Name | Size |\n|------|------|\nIn use:\nalpha\n"
    found = values_of(
        observed.Observed(), get, "collection_name", known([lists, get], [(lists, {}, "success", table)])
    )
    assert "alpha" in found
    assert not [one for one in found if one.endswith(":") or "---" in one]
    nothing = known([lists, get], [(lists, {}, "success", "__NO_COLLECTIONS_FOUND__")])
    assert values_of(observed.Observed(), get, "collection_name", nothing) == []


def test_observed_takes_what_a_sibling_accepted_under_the_same_name_but_no_free_text() -> None:
    one = tool("status", "repo_path", "message", repo_path=TEXT, message=TEXT)
    two = tool("log", "repo_path", "message", repo_path=TEXT, message=TEXT)
    seen = known(
        [one, two], [(one, {"repo_path": "/workspace/repo", "message": "hello"}, "success", "ok: fine")]
    )
    assert values_of(observed.Observed(), two, "repo_path", seen) == ["/workspace/repo"]
    assert values_of(observed.Observed(), two, "message", seen) == []


def test_volatile_tools_and_failed_calls_are_never_sources() -> None:
    clock, lists = tool("get_clock"), tool("list_days")
    use = tool("describe_day", "date", date=TEXT)
    steps = [
        (clock, {}, "success", '{"date": "2031-01-01"}'),
        (lists, {}, "failure", '{"date": "2031-01-02"}'),
    ]
    profile = ToolProfile(server="srv", tool="get_clock", schema_digest="", determinism="volatile")
    seen = known([clock, lists, use], steps, profiles=[profile])
    assert values_of(observed.Observed(), use, "date", seen) == []


def test_values_quoted_in_descriptions_are_an_enum_in_disguise() -> None:
    branch = tool(
        "branch", "kind", kind={**TEXT, "description": "Whether to list 'local', 'remote' or 'all' branches"}
    )
    assert values_of(description.Description(), branch, "kind", known([branch])) == ["local", "remote", "all"]


def test_examples_in_prose_lists_and_docstrings_are_found() -> None:
    says = "Reads it.\n\nArgs:\n    zone: Name of the zone, e.g. America/New_York\n"
    says += "    level: One of: low, high\n"
    read = tool("read", "zone", "level", says=says, zone=TEXT, level=TEXT)
    parameter = parameters(read)[0]
    assert described(parameter, read) == "Name of the zone, e.g. America/New_York"
    assert values_of(description.Description(), read, "zone", known([read])) == ["America/New_York"]
    assert values_of(description.Description(), read, "level", known([read])) == ["low", "high"]


def test_calls_shown_in_descriptions_give_values_that_belong_together() -> None:
    convert = tool(
        "convert",
        "frm",
        "to",
        says='Converts. Example: convert("1 mile", "km") -> 1.6; convert(frm="2 (two) h", to="min")',
        frm={**TEXT, "description": "for example '5 kg' or '3 mile'"},
        to={**TEXT, "description": "'gallon', 'km', 'joule'"},
    )
    assert shown_calls(convert) == [{"frm": "1 mile", "to": "km"}, {"frm": "2 (two) h", "to": "min"}]
    assert best(convert, known([convert])) == {"frm": "1 mile", "to": "km"}


def test_launch_values_and_fixture_files_fill_paths_by_ending_and_kind() -> None:
    query = tool("read_csv", "file_path", file_path=TEXT)
    status = tool("status", "repo_path", repo_path=TEXT)
    seen = known(
        [query, status],
        launched=["--root", "/workspace/repo"],
        files=["/workspace/a.pdf", "/workspace/b.csv"],
    )
    assert values_of(launch.Launch(), query, "file_path", seen)[0] == "/workspace/b.csv"
    assert values_of(launch.Launch(), status, "repo_path", seen)[0] == "/workspace/repo"


def test_a_relative_name_is_joined_to_the_folder_that_was_asked_about() -> None:
    lists = tool("list_directory", "path", path=TEXT)
    read = tool("read_file", "path", path=TEXT)
    seen = known([lists, read], [(lists, {"path": "/workspace/docs"}, "success", "[FILE] a.txt\n[DIR] old")])
    assert "/workspace/docs/a.txt" in values_of(grammar.Grammar(), read, "path", seen)


def test_sql_is_written_over_the_tables_and_columns_that_were_seen() -> None:
    lists, describe = tool("list_tables"), tool("describe_table", "table_name", table_name=TEXT)
    read = tool("read_query", "query", says="Execute a SELECT query", query=TEXT)
    write = tool("write_query", "query", says="Execute an INSERT, UPDATE, or DELETE query", query=TEXT)
    create = tool(
        "create_table", "query", says="Create a new table", query={**TEXT, "description": "CREATE TABLE SQL"}
    )
    columns = "[{'name': 'id', 'type': 'INTEGER'}, {'name': 'city', 'type': 'TEXT'}]"
    seen = known(
        [lists, describe, read, write, create],
        [
            (lists, {}, "success", "[{'name': 'shops'}]"),
            (describe, {"table_name": "shops"}, "success", columns),
        ],
    )
    assert best(read, seen) == {"query": "SELECT COUNT(*) AS n FROM shops"}
    assert best(create, seen)["query"].startswith("CREATE TABLE sample_items")


def sql_seen(size: int, rows: str) -> tuple[Tool, Tool, Knowledge]:
    read = tool("read_query", "query", says="Execute a SELECT query", query=TEXT)
    write = tool("write_query", "query", says="Execute an INSERT, UPDATE, or DELETE query", query=TEXT)
    lists, describe = tool("list_tables"), tool("describe_table", "table_name", table_name=TEXT)
    columns = "[{'name': 'id', 'type': 'TEXT'}, {'name': 'state', 'type': 'TEXT'}]"
    whole = "SELECT * FROM shops" + (" ORDER BY id LIMIT 20" if size > 200 else "")
    seen = known(
        [lists, describe, read, write],
        [
            (lists, {}, "success", "[{'name': 'shops'}]"),
            (describe, {"table_name": "shops"}, "success", columns),
            (read, {"query": "SELECT COUNT(*) AS n FROM shops"}, "success", f"[{{'n': {size}}}]"),
            (read, {"query": whole}, "success", rows),
        ],
    )
    return read, write, seen


SHOPS = str([{"id": f"S-{n}", "state": "open" if n % 2 else "shut", "staff": n} for n in range(1, 7)])


def test_a_small_table_is_read_whole_and_a_large_one_in_part_and_by_its_keys() -> None:
    read, _, small = sql_seen(6, SHOPS)
    queries = values_of(grammar.Grammar(), read, "query", small)
    assert "SELECT * FROM shops" in queries
    assert "SELECT * FROM shops WHERE id = 'S-4'" in queries
    read, _, large = sql_seen(5000, SHOPS)
    queries = values_of(grammar.Grammar(), read, "query", large)
    assert "SELECT * FROM shops" not in queries
    assert "SELECT * FROM shops ORDER BY id LIMIT 20" in queries
    assert "SELECT * FROM shops WHERE id = 'S-4'" in queries


def test_a_change_is_of_one_row_told_by_its_key_to_a_value_that_another_row_has() -> None:
    _, write, seen = sql_seen(6, SHOPS)
    changes = values_of(grammar.Grammar(), write, "query", seen)
    assert changes[0] == "UPDATE shops SET state = 'open' WHERE id = 'S-4'"
    assert "UPDATE shops SET staff = 5 WHERE id = 'S-4'" in changes
    assert "DELETE FROM shops WHERE id = 'S-3'" in changes


def test_errors_name_values_bounds_and_missing_parameters() -> None:
    paint = tool("paint", "mode", mode=TEXT, level={"type": "integer"}, target_index={"type": "integer"})
    failures = [
        (paint, {"mode": "sample"}, "failure", "Error: mode must be one of: 'warm', 'cold'"),
        (paint, {"mode": "warm"}, "failure", "Error: Target not found (by index)"),
    ]
    seen = known([paint], failures)
    assert values_of(errors.Errors(), paint, "mode", seen) == ["warm", "cold"]
    assert errors.needed(paint, seen) == {"target_index"}
    bounded = known(
        [paint], [(paint, {"mode": "x", "level": 1}, "failure", "level: must be between 3 and 9")]
    )
    assert values_of(errors.Errors(), paint, "level", bounded)[0] == 3


def test_an_error_that_describes_what_it_wants_names_no_value() -> None:
    make = tool("make", "name", name=TEXT)
    said = "Expected a name containing 3-512 characters from [a-zA-Z0-9._-], starting with a letter"
    seen = known([make], [(make, {"name": "__x__"}, "failure", said)])
    assert "a name containing" not in values_of(errors.Errors(), make, "name", seen)


# --- assembly ----------------------------------------------------------------------------------


def test_required_parameters_always_and_optional_ones_sometimes() -> None:
    read = tool("read", "name", name={"enum": ["a", "b"]}, mode={"enum": ["x", "y"]}, note=TEXT)
    made = [given for given, _ in arguments(read, SOURCES, known([read]), Random(0))]
    assert made[0] == {"name": "a"}
    assert all("name" in given for given in made)
    assert any("mode" in given for given in made)
    assert len({repr(given) for given in made}) == len(made)


def test_every_argument_says_which_source_it_came_from() -> None:
    read = tool("read", "kind", "n", kind={"enum": ["a"]}, n={"type": "integer", "default": 4})
    assert next(arguments(read, SOURCES, known([read]), Random(0))) == (
        {"kind": "a", "n": 4},
        {"kind": "enum", "n": "default"},
    )


def test_a_required_parameter_without_proposals_gives_nothing() -> None:
    read = tool("read", "x", x={"type": "string", "enum": ["never"], "maxLength": 2})
    assert list(arguments(read, [schema.Schema()], known([read]), Random(0))) == []


def test_values_found_together_are_tried_together() -> None:
    info = tool("list_sheets", "path", path=TEXT)
    read = tool("read_sheet", "path", "sheet", path=TEXT, sheet=TEXT)
    steps = [
        (info, {"path": "/workspace/a.xlsx"}, "success", '{"sheets": [{"sheet": "Alpha"}]}'),
        (info, {"path": "/workspace/b.xlsx"}, "success", '{"sheets": [{"sheet": "Beta"}]}'),
    ]
    made = [given for given, _ in arguments(read, SOURCES, known([info, read], steps), Random(0))][:2]
    pairs = {(given["path"][-6:], given["sheet"]) for given in made}
    assert pairs == {("a.xlsx", "Alpha"), ("b.xlsx", "Beta")}


def test_values_that_failed_fall_behind() -> None:
    read = tool("read", "name", name={"enum": ["a", "b"]})
    assert best(read, known([read], [(read, {"name": "a"}, "failure", "Error: no")])) == {"name": "b"}


def test_a_launch_value_that_works_is_not_varied() -> None:
    status = tool("status", "repo_path", repo_path=TEXT)
    branch = tool("branch", "repo_path", repo_path=TEXT)
    steps = [
        (status, {"repo_path": "/workspace/repo"}, "success", "clean: yes"),
        (branch, {"repo_path": "/workspace/repo"}, "success", "fix/one\nfix/two"),
    ]
    seen = known([status, branch], steps, launched=["/workspace/repo"])
    parameter = parameters(status)[0]
    ranked = proposals(status, parameter, SOURCES, seen, Random(0))
    assert ranked[0].value == "/workspace/repo"
    assert all(one.weight < 0.4 for one in ranked[1:])


def test_files_below_a_launch_value_that_works_are_tried_too() -> None:
    lists = tool("list_directory", "path", path=TEXT)
    read = tool("read_file", "path", path=TEXT)
    steps = [(lists, {"path": "/workspace"}, "success", "[FILE] notes.txt\n[DIR] docs")]
    seen = known([lists, read], steps, launched=["/workspace"], files=["/workspace/notes.txt"])
    weights = {
        one.value: one.weight for one in proposals(read, parameters(read)[0], SOURCES, seen, Random(0))
    }
    assert weights["/workspace/notes.txt"] > 0.4


def test_a_flag_that_may_also_be_a_text_gets_a_flag() -> None:
    said = 'Whether there is more: True until "the end" is reached'
    think = tool("think", "more", more={"type": ["boolean", "string"], "description": said})
    assert best(think, known([think]))["more"] in (True, False)


def test_assembly_is_deterministic() -> None:
    read = tool("find", "query", query=TEXT, limit={"type": "integer"})
    made = [list(arguments(read, SOURCES, known([read]), Random(3))) for _ in range(2)]
    assert made[0] == made[1]


def test_nested_objects_and_arrays_are_composed_of_required_parts() -> None:
    item = {
        "type": "object",
        "properties": {"name": TEXT, "size": {"type": "integer", "minimum": 20}, "note": TEXT},
        "required": ["name", "size"],
    }
    store = tool("store", "items", items={"type": "array", "items": item, "minItems": 2})
    given = best(store, known([store]))
    Draft202012Validator(store.input_schema).validate(given)
    assert set(given["items"][0]) == {"name", "size"}


scalars = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": st.integers(0, 12),
            "format": st.sampled_from(["date", "uri", "email", "date-time"]),
        },
    ),
    st.builds(
        lambda low, width: {"type": "integer", "minimum": low, "maximum": low + width},
        st.integers(-50, 50),
        st.integers(0, 100),
    ),
    st.fixed_dictionaries(
        {"type": st.just("number")},
        optional={"exclusiveMinimum": st.integers(-5, 50), "default": st.just(60.5)},
    ),
    st.builds(
        lambda options: {"enum": options}, st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True)
    ),
    st.just({"type": "boolean"}),
    st.just({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(
            lambda items, n: {"type": "array", "items": items, "minItems": n}, inner, st.integers(0, 3)
        ),
        st.builds(
            lambda properties: {"type": "object", "properties": properties, "required": sorted(properties)},
            st.dictionaries(
                st.sampled_from(["alpha", "beta", "path", "count"]), inner, min_size=1, max_size=3
            ),
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "limit", "file", "query", "options"]), anything, max_size=4))
def test_assembled_arguments_are_valid_by_the_schema(properties: dict[str, Any]) -> None:
    made = tool("anything", *sorted(properties), **properties)
    for count, (given_, sources) in enumerate(arguments(made, SOURCES, known([made]), Random(0))):
        Draft202012Validator(made.input_schema).validate(given_)
        assert sources.keys() == given_.keys()
        if count > 5:
            break


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2026-01-05", "date"),
        ("14:30", "time"),
        ("Europe/Paris", "timezone"),
        ("/workspace/a.csv", "path"),
        ("a.csv", "file name"),
        ("beaee2a", "hash"),
        ("defaced", "word"),
        ("ORD-1007", "code:ord-"),
        ("ada@example.org", "email"),
        ("SELECT 1", "sql"),
        ("A1:C5", "cell range"),
        (True, "flag"),
        (None, ""),
        ([1], ""),
    ],
)
def test_values_have_a_kind_by_their_form(value: Any, kind: str) -> None:
    assert semantic_type(value) == kind


def test_a_shape_is_what_a_server_may_refuse_as_such() -> None:
    assert shape("/workspace/a.csv") != shape("a.csv") != shape("a.pdf")


def test_proposals_are_plain_values() -> None:
    assert Proposal(value=1, source="x").weight == 0.5


# --- the user's values, the pool, and what is learnt ---------------------------------------------


def with_values(of: Tool, **values: tuple[Any, ...]) -> Knowledge:
    listing = known([of]).listings[of.server]
    return Knowledge([listing.model_copy(update={"values": values})])


def test_the_users_values_come_first_and_a_tools_own_before_any_tools() -> None:
    search = tool("search", "region", region={"type": "string", "enum": ["north", "south"]})
    knowledge = with_values(search, **{"region": ("apac",), "search.region": ("emea",)})
    assert values_of(dictionary.Dictionary(), search, "region", knowledge) == ["emea", "apac"]
    assert best(search, knowledge) == {"region": "emea"}


def test_the_pool_gives_values_of_the_kind_that_a_parameter_takes_whatever_they_were_called() -> None:
    orders = tool("list_things", server="shop")
    track = tool("track", "reference", reference=TEXT, server="post")
    steps = [
        (orders, {}, "success", '[{"a": "ORD-1001"}, {"a": "ORD-1002"}, {"a": "TCK-7"}]'),
        (track, {"reference": "ORD-1003"}, "success", '{"at": "depot"}'),
    ]
    found = values_of(pool.Pool(), track, "reference", known([orders, track], steps))
    assert {"ORD-1001", "ORD-1002"} <= set(found) and "TCK-7" not in found


def test_the_pool_keeps_the_latest_values_of_a_kind_and_lets_the_oldest_go() -> None:
    orders = tool("list_things", server="shop")
    track = tool("track", "reference", reference=TEXT, server="shop")
    listed = ", ".join(f'"ORD-{1000 + n}"' for n in range(30))
    steps = [
        (orders, {}, "success", f"[{listed}]"),
        (track, {"reference": "ORD-1029"}, "success", '{"at": "depot"}'),
    ]
    found = values_of(pool.Pool(capacity=5, limit=50), track, "reference", known([orders, track], steps))
    assert len(found) == 5 and "ORD-1000" not in found


def test_globs_name_the_endings_of_the_files_that_are_there() -> None:
    find = tool("find_files", "pattern", pattern={"type": "string", "description": "A glob pattern."})
    files = ["/workspace/a.csv", "/workspace/x/b.csv", "/workspace/c.md"]
    assert "**/*.csv" in values_of(grammar.Grammar(), find, "pattern", known([find], files=files))


def test_sums_are_made_of_numbers_that_were_seen() -> None:
    calculate = tool("calculate", "expression", says="Calculates an expression.", expression=TEXT)
    prices = tool("list_prices")
    knowledge = known([calculate, prices], [(prices, {}, "success", '[{"price": 12.5}, {"price": 40}]')])
    assert "12.5 + 40" in values_of(grammar.Grammar(), calculate, "expression", knowledge)


def test_a_source_whose_values_failed_counts_for_less_and_one_that_worked_does_not() -> None:
    find = tool("find", "a", a=TEXT)
    outcomes = [
        ValueOutcome(server="srv", tool="find", parameter="a", source="observed", bad=6),
        ValueOutcome(server="srv", tool="find", parameter="a", source="launch", good=6),
    ]
    tallies = Knowledge([], value_outcomes=outcomes).tallies
    weights = {
        name: factor(find, "a", Proposal(value="x", source=name), tallies)
        for name in ("observed", "launch", "grammar")
    }
    assert weights["observed"] < 0.4 and weights["launch"] == weights["grammar"] == 1.0


def test_tallies_do_not_hang_on_the_order_of_the_work() -> None:
    find = tool("find", "a", a=TEXT)
    steps = known([find], [(find, {"a": n}, "failure", "no") for n in ("x", "y", "z")]).steps[find.key]
    calls = [(step, {"a": "observed", "b": "schema"}) for step in steps]
    assert tallied(calls) == tallied(calls[::-1])
    assert [(one.source, one.bad) for one in tallied(calls)] == [("observed", 1.5), ("schema", 1.5)]
