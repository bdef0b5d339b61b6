"""Where argument values come from: registered sources, and the assembly of whole argument sets.

A source proposes values for one parameter, best first, each with a weight: how likely the tool accepts
it. `arguments` combines them. Probing and exploration use the same ones.
"""

from __future__ import annotations

from firefly.values.assemble import Assembly, arguments, assemblies, proposals

__all__ = ["Assembly", "arguments", "assemblies", "proposals"]
