"""From recordings to a cassette."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from .cassette import Cassette, CassetteTool, ToolKey, ToolRule
from .learning import learn
from .masks import Path
from .records import Recording, Tool


def make_cassette(
    tools: Iterable[Tool],
    recordings: Iterable[Recording],
    *,
    independent: Collection[ToolKey] = (),
    reads: Collection[ToolKey] = (),
    declared: Collection[ToolKey] = (),
    volatile: Collection[ToolKey] = (),
    versions: Mapping[str, str] | None = None,
    masks: Mapping[ToolKey, Sequence[Path]] | None = None,
) -> Cassette:
    """Return the cassette of everything recorded.

    Args:
        tools: every tool that may be asked for, recorded or not.
        recordings: episodes as they happened, each from the fixture's state on.
        independent: tools proven to neither read nor change the state of their scope.
        reads: tools proven by experiment to change nothing.
        declared: tools that are only said to change nothing; it takes more to believe it.
        volatile: tools whose answers are known to vary.
        versions: of whatever made the recordings, for the manifest.
        masks: fields of tools' answers that change by themselves; any recorded one stands for all.
    """
    known = sorted(tools, key=lambda tool: tool.key)
    learnt = learn(
        known,
        recordings,
        independent=independent,
        reads=reads,
        declared=declared,
        volatile=volatile,
        masks=masks,
    )
    return Cassette(
        [CassetteTool(tool=tool, rule=learnt.rules.get(tool.key, ToolRule())) for tool in known],
        learnt.entries,
        learnt.scopes,
        versions,
    )
