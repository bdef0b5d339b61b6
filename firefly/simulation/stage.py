"""The simulation stage. Pure: equal recordings give an equal cassette.

What verification calls later never enters it, so that a replayed answer can't be the check of itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from firefly.evidence import Claims, Evidence, Mask
from firefly.records import Listing, ToolProfile
from firefly.replay.cassette import Cassette
from firefly.replay.records import Recording, Tool


def freeze(
    *, listings: Iterable[Listing], profiles: Iterable[ToolProfile], recordings: Iterable[Recording]
) -> Cassette:
    """Return the cassette of ``recordings``, keyed by what the profiles prove of each tool.

    Every callable tool of a usable server is part of it, recorded or not, so that an unrecorded call
    is a miss and not an unknown tool. A profile counts only for the very schema that it was made of.

    Args:
        listings: what the servers declared.
        profiles: what the tools were seen to do.
        recordings: every episode so far.

    """
    usable = [listing for listing in listings if listing.health.status == "ok"]
    tools = [tool for listing in usable for tool in listing.callable_tools]
    evidence = Evidence(claims_of(tools, profiles), tuple(recordings))
    return evidence.cassette(tools, versions_of(usable))


def versions_of(listings: Iterable[Listing]) -> dict[str, str]:
    """Return the package or version of each usable server that says one."""
    return {
        listing.server: listing.health.package or listing.health.server_version
        for listing in listings
        if listing.health.status == "ok" and (listing.health.package or listing.health.server_version)
    }


def claims_of(tools: Iterable[Tool], profiles: Iterable[ToolProfile]) -> Claims:
    """Return what the profiles claim of ``tools``."""
    digests = {tool.key: tool.schema_digest for tool in tools}
    proven = sorted(
        (one for one in profiles if digests.get(one.key) == one.schema_digest), key=lambda one: one.key
    )
    return Claims(
        independent=tuple(one.key for one in proven if one.state_independent),
        reads=tuple(one.key for one in proven if one.effect == "read"),
        volatile=tuple(one.key for one in proven if one.determinism == "volatile"),
        masks=tuple(
            Mask(server=one.server, tool=one.tool, paths=one.volatile_paths)
            for one in proven
            if one.determinism != "volatile" and one.volatile_paths
        ),
    )
