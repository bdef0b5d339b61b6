"""Questions that a strict reader accepts: read once, about things that belong together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.records import Link, Node, SubDag
from firefly.synthesis.chains import chains
from firefly.synthesis.fluency import read_once
from firefly.synthesis.kinship import related
from tests.exploration.test_exploration import explore
from tests.function_servers import FunctionServers


@pytest.mark.parametrize(
    ("question", "is_read_once"),
    [
        ("What is the weight of the order of ticket TCK-41 in kg?", True),
        ("Take the sheet Prices of the workbook a.xlsx. What is the price of its first item?", True),
        ("What is the city of the customer of the order of the ticket of agent A-1?", False),
        ('What is the title of "the end of the day in the middle of June"?', True),
        ("What is the date of the comment by the author of plan-7.docx in plan-7.docx?", False),
        ("Who opened the ticket of record 91c8656f6ffb875b7a4ae00ba4830830c75840f8?", False),
        ("What is the company of the customer of the order of order line 7?", False),
        ("What is the price of the bolt in the sheet Prices of the workbook a.xlsx?", True),
        ("Who is the owner of the part of bin B-1 in the sheet Bins of the workbook a.xlsx?", False),
        ("Tell me the date of the only comment by its author in it.", False),
        ("What is the size of the part of supplier S-1 that has the lowest price?", False),
        ("Which part of supplier S-1 has the lowest price?", True),
        ("What is the pieces per pallet of part P-9?", False),
        ("Who wrote commit 91c8656f6ffb875b7a4ae00ba4830830c75840f8?", True),
    ],
)
def test_nesting_repetition_and_digests_are_not_read_once(question: str, is_read_once: bool) -> None:
    assert read_once(question) is is_read_once


@given(st.lists(st.sampled_from(["Find order ORD-1.", "What is its total?", "Tell me who."]), min_size=1))
def test_plain_sentences_stay_plain_together(sentences: list[str]) -> None:
    assert read_once(" ".join(sentences))


def get_paper(paper: str) -> Any:
    """Get a paper."""
    return {"author": "Ada Holm", "signed": "2021-04-02", "file": "terms.docx"}


def list_comments(author: str, file: str = "") -> Any:
    """List the comments by an author."""
    return {"comments": [{"text": "Ask about clause 7", "by": author}]}


def list_fairs(day: str) -> Any:
    """List the fairs of a day."""
    return {"fairs": [{"name": "Harbour fair", "visitors": 4200}]}


def chain_to(tool: str, parameter: str, field: str, **given: Any) -> bool:
    servers = FunctionServers({"papers": [get_paper], "notes": [list_comments, list_fairs]})
    example = {"list_comments": {"author": "Ida Kern", **given}, "list_fairs": {"day": "2020-01-01"}}[tool]
    knowledge = servers.knowledge(
        [("papers", "get_paper", {"paper": "P-12"}), ("notes", tool, example)], pure=False
    )
    sub_dag = SubDag(
        nodes=(Node(id="n1", tool=("papers", "get_paper")), Node(id="n2", tool=("notes", tool))),
        links=(Link(source="n1", target="n2", parameter=parameter, output_path=(field,)),),
    )
    (exploration,) = explore(sub_dag, servers, knowledge, variants=1)
    (chain,) = chains(exploration, knowledge)
    assert len(chain.calls) == 2
    return related(chain, knowledge)


def test_a_person_found_in_one_thing_is_not_asked_about_in_another() -> None:
    assert chain_to("list_comments", "author", "author")
    assert not chain_to("list_comments", "author", "author", file="other.docx")


def test_data_of_another_server_that_share_only_a_date_have_nothing_to_do_with_it() -> None:
    assert not chain_to("list_fairs", "day", "signed")
