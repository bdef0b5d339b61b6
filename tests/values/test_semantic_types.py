"""Semantic types of values."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firefly.values.semantic import semantic_type


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("/", "path"),
        ("/workspace/a b/c.txt", "path"),
        ("~/notes/", "path"),
        ("C:/books", "path"),
        ("a/b", "path"),
        ("/workspace//a", "word"),
    ],
)
def test_paths_are_told_from_other_texts(text: str, kind: str) -> None:
    assert semantic_type(text) == kind


@pytest.mark.parametrize("letter", list("a1/.- @:+ZS"))
def test_no_text_of_a_server_takes_a_type_more_than_a_moment_to_tell(letter: str) -> None:
    for text in (f"/{letter * 290}!", f"{letter * 290}!", f"/{(letter + 'b') * 140}|"):
        began = time.process_time()
        semantic_type(text)
        assert time.process_time() - began < 1.0  # an exponential pattern would take years


@given(st.text(alphabet="ab/ .-", max_size=30))
def test_a_path_has_no_empty_segment(text: str) -> None:
    if semantic_type(text) == "path":
        assert "//" not in text.strip()
