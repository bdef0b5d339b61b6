"""What every sampler can be told: how large sub-DAGs may get, and how many are wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one sampler, which are its keywords: a sampler is its limits and a way to draw."""

    size: int = 4
    """Most calls in one sub-DAG."""
    depth: int = 4
    """Most calls on one path."""
    fan_in: int = 2
    """Most calls that feed one call."""
    fan_out: int = 2
    """Most calls that one call feeds."""
    count: int = 24
    """Sub-DAGs for one server."""
    cross_server: float = 0.5
    """Sub-DAGs for two servers, as a share of ``count``; for three the share is taken twice."""
    temperature: float = 0.3
    """How far the choice strays from the strongest edges; near 0 hardly at all."""

    def __post_init__(self) -> None:
        """Refuse limits that no sub-DAG satisfies."""
        whole = (self.size, self.depth, self.fan_in, self.fan_out, self.count)
        if min(whole) < 1 or self.temperature <= 0 or self.cross_server < 0:
            raise ValueError(
                "size, depth, fan_in, fan_out, count >= 1, temperature > 0 and cross_server >= 0 are needed"
            )

    def wanted(self, servers: Collection[str]) -> int:
        """Return how many sub-DAGs are wanted of a group of servers; 0 where they are too many for ``size``.

        >>> limits = Limits(size=4, count=24, cross_server=0.5)
        >>> limits.wanted("a"), limits.wanted("ab"), limits.wanted("abc"), limits.wanted("abcde")
        (24, 12, 6, 0)
        """
        if len(servers) > self.size:
            return 0
        return ceil(self.count * self.cross_server ** (len(servers) - 1))
