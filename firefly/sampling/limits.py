"""What every sampler can be told: how large sub-DAGs may get, and how many are wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Limits:
    """The limits of one sampler."""

    size: int
    """Most calls in one sub-DAG."""
    depth: int
    """Most calls on one path."""
    fan_in: int
    """Most calls that feed one call."""
    fan_out: int
    """Most calls that one call feeds."""
    count: int
    """Sub-DAGs for one server."""
    cross_server: float
    """Sub-DAGs for two servers, as a share of ``count``; for three the share is taken twice."""
    temperature: float
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

        >>> limits = Limits(4, 4, 2, 2, 24, 0.5, 0.3)
        >>> limits.wanted("a"), limits.wanted("ab"), limits.wanted("abc"), limits.wanted("abcde")
        (24, 12, 6, 0)
        """
        if len(servers) > self.size:
            return 0
        return ceil(self.count * self.cross_server ** (len(servers) - 1))
