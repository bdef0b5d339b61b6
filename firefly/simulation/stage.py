"""The simulation stage. Pure: equal recordings give an equal cassette.

What verification calls later never enters it, so that a replayed answer can't be the check of itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from firefly.records import Listing, ToolProfile
from firefly.replay.cassette import Cassette
from firefly.replay.freezing import make_cassette
from firefly.replay.records import Recording


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
    tools = {tool.key: tool for listing in usable for tool in listing.callable_tools}
    proven = [
        profile
        for profile in profiles
        if profile.key in tools and profile.schema_digest == tools[profile.key].schema_digest
    ]
    return make_cassette(
        tools.values(),
        recordings,
        independent={profile.key for profile in proven if profile.state_independent},
        reads={profile.key for profile in proven if profile.effect == "read"},
        volatile={profile.key for profile in proven if profile.determinism == "volatile"},
        masks={
            profile.key: profile.volatile_paths
            for profile in proven
            if profile.determinism != "volatile" and profile.volatile_paths
        },
        versions={
            listing.server: listing.health.package or listing.health.server_version
            for listing in usable
            if listing.health.package or listing.health.server_version
        },
    )
