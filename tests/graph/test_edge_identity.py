"""What makes two edges the same."""

from __future__ import annotations

from firefly.records import Edge


def test_what_one_run_saw_is_no_part_of_what_an_edge_is() -> None:
    one, other = (
        Edge(source=("s", "a"), target=("s", "b"), parameter="x", score=0.5, evidence={"seen": seen})
        for seen in ("4aecbcbb", "c3f52d99")
    )
    assert one.id == other.id
    assert one.id != Edge(source=("s", "a"), target=("s", "b"), parameter="y", score=0.5).id
