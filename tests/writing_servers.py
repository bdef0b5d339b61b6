"""A server that writes, in memory only: a small depot whose crates can be sent off and relabelled.

For tests of writes from sampling to grading; every episode begins with the same crates.
"""

from __future__ import annotations

from typing import Any

from firefly.knowledge import Knowledge
from firefly.records import Edge, Exploration, Listing
from firefly.replay.records import Recording, ToolCall
from firefly.replay.tool_set import ToolSet
from tests.function_servers import FunctionEpisode, FunctionServers

CRATES = [
    ("CRT-2041", "timber", 640),
    ("CRT-2042", "timber", 512),
    ("CRT-2043", "glass", 220),
    ("CRT-2044", "timber", 705),
    ("CRT-2045", "glass", 318),
    ("CRT-2046", "timber", 431),
    ("CRT-2047", "timber", 388),
    ("CRT-2048", "glass", 297),
    ("CRT-2049", "timber", 564),
]


class Depot(FunctionServers):
    """The depot. ``orderly``: whether it keeps crates in the order of their codes."""

    def __init__(self, *, orderly: bool = True) -> None:
        self.crates: dict[str, dict[str, Any]] = {}
        self.orderly = orderly
        super().__init__(
            {"depot": [self.list_crates, self.get_crate, self.send_off, self.set_weight, self.about]}
        )

    def episode(self, tool_set: ToolSet, seed: int = 0) -> FunctionEpisode:
        self.crates = {code: {"code": code, "goods": goods, "weight": kg} for code, goods, kg in CRATES}
        return super().episode(tool_set, seed)

    def list_crates(self) -> Any:
        """List the crates in the depot."""
        return {"crates": list(self.crates.values())}

    def get_crate(self, code: str) -> Any:
        """Get a crate: its goods and its weight."""
        if code not in self.crates:
            raise ValueError(f"no crate {code}")
        return self.crates[code]

    def send_off(self, code: str) -> Any:
        """Send off a crate."""
        if code not in self.crates:
            raise ValueError(f"no crate {code}")
        del self.crates[code]
        return {"sent": True}

    def set_weight(self, code: str, weight: int) -> Any:
        """Set the weight of a crate."""
        if code not in self.crates:
            raise ValueError(f"no crate {code}")
        self.crates[code] = {**self.crates[code], "weight": weight}
        if not self.orderly:
            self.crates[code] = self.crates.pop(code)
        return {"done": True}

    def about(self) -> Any:
        """Return the name of the depot."""
        return {"name": "Depot North", "opened": "2019-04-01"}


def listings(backend: FunctionServers) -> list[Listing]:
    """What the depot declares; its state may be destroyed."""
    return [
        one.model_copy(update={"disposable": True, "scope": "own:depot", "fixture": "f" * 32})
        for one in backend.listings()
    ]


def tools(backend: FunctionServers) -> ToolSet:
    return ToolSet.of(tool for listing in listings(backend) for tool in listing.tools)


def recorded(
    backend: FunctionServers, *calls: tuple[str, dict[str, Any]], purpose: str = "probing"
) -> Recording:
    with backend.episode(tools(backend)) as episode:
        for tool, arguments in calls:
            episode.call(ToolCall(server="depot", tool=tool, arguments=arguments))
        return Recording(purpose=purpose, servers=("depot",), steps=tuple(episode.steps))


def probed(backend: FunctionServers, explorations: tuple[Exploration, ...] = ()) -> Knowledge:
    """What is known of the depot after probing: each write between two looks."""
    weighed = {"code": "CRT-2041", "weight": 655}
    recordings = [
        recorded(backend, ("list_crates", {}), ("get_crate", {"code": "CRT-2043"}), ("about", {})),
        recorded(backend, ("list_crates", {}), ("send_off", {"code": "CRT-2042"}), ("list_crates", {})),
        recorded(backend, ("list_crates", {}), ("set_weight", weighed), ("list_crates", {})),
        recorded(backend, ("set_weight", {"code": "CRT-2044", "weight": 690}), ("list_crates", {})),
        recorded(backend, ("get_crate", {"code": "CRT-2041"}), ("set_weight", weighed), ("list_crates", {})),
    ]
    known = backend.knowledge([])
    profiles = [
        profile.model_copy(
            update={
                "effect": "write" if profile.tool in ("send_off", "set_weight") else "read",
                "determinism": "unknown" if profile.tool in ("send_off", "set_weight") else "deterministic",
                "pure": False,
            }
        )
        for profile in known.profiles.values()
    ]
    made = [recording for one in explorations for recording in one.recordings]
    return Knowledge(listings(backend), profiles, [*recordings, *made])


def affects(write: str, read: str) -> Edge:
    return Edge(source=("depot", write), target=("depot", read), kind="affects", score=0.9)


def feeds(read: str, write: str, parameter: str, path: tuple[str | int, ...]) -> Edge:
    return Edge(
        source=("depot", read), target=("depot", write), parameter=parameter, output_path=path, score=0.9
    )
