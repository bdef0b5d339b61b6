"""The workshop of the bundled servers: deterministic, and its files join."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from firefly.worlds.workshop import Workshop


def build(folder: Path, seed: int) -> Path:
    folder.mkdir()
    Workshop(seed=seed).build(folder)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(tmp_path: Path) -> None:
    one, two, other = (build(tmp_path / name, seed) for name, seed in (("a", 5), ("b", 5), ("c", 6)))
    assert content(one) == content(two)
    assert not set(content(one).values()) & set(content(other).values())


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_loans_join_members_and_items_and_an_item_is_out_once_at_most(tmp_path: Path, seed: int) -> None:
    folder = build(tmp_path / "w", seed)
    with (folder / "catalogue" / "items.csv").open(encoding="utf-8", newline="") as lines:
        items = {row["item_id"]: row for row in csv.DictReader(lines)}
    branches = {row["branch_id"] for row in json.loads((folder / "catalogue" / "branches.json").read_text())}
    desk = json.loads((folder / "desk.json").read_text())
    members = {row["member_id"] for row in desk["members"]}
    assert {row["branch_id"] for row in items.values()} == branches
    assert {row["branch_id"] for row in desk["members"]} <= branches
    for loan in desk["loans"]:
        assert loan["item_id"] in items
        assert loan["member_id"] in members
        assert loan["lent_on"] < loan["due_on"]
    out = [loan["item_id"] for loan in desk["loans"] if loan["status"] == "open"]
    assert len(out) == len(set(out)) == 5
    assert set(json.loads((folder / "catalogue" / "remarks.json").read_text())) <= items.keys()
