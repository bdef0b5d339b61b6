"""The company's own tables: claims, visits, machines, energy. They refer to the shop's entities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from firefly.worlds.draw import Draw
from firefly.worlds.shop_story import Story
from firefly.worlds.tables import Row, Table

__all__ = ["Records", "keep_records"]

_SPAN = 240


@dataclass(frozen=True)
class Records:
    """The tables, and numbers that no identifier of the shop or of them uses."""

    claims: Table
    visits: Table
    machines: Table
    energy: Table
    numbers: Iterator[int]
    start: date

    @property
    def tables(self) -> tuple[Table, ...]:
        """Return all of them."""
        return (self.claims, self.visits, self.machines, self.energy)


def keep_records(story: Story, draw: Draw) -> Records:
    """Return the records of the story's year."""
    numbers = iter(draw.whole(4000, 10000, 69999))  # the shop's have four digits or begin with a 7 or more
    start = story.start + timedelta(days=30)
    return Records(
        claims=_claims(story, draw, numbers, start),
        visits=_visits(story, draw, numbers, start),
        machines=_machines(story, draw, numbers, start),
        energy=_energy(story, draw, start),
        numbers=numbers,
        start=start,
    )


def _named(count: int, prefix: str, numbers: Iterator[int]) -> list[str]:
    return [f"{prefix}-{number}" for number in sorted(next(numbers) for _ in range(count))]


def _claims(story: Story, draw: Draw, numbers: Iterator[int], start: date) -> Table:
    count = draw.one(range(34, 46))
    handlers = draw.some(story.employees.column("handle"), 5)
    rows: list[Row] = [
        {
            "claim_id": identifier,
            "order_id": order["order_id"],
            "reason": reason,
            "handler": handler,
            "claimed_amount": amount,
            "days_open": days,
            "decided_on": decided.isoformat(),
        }
        for identifier, order, reason, handler, amount, days, decided in zip(
            _named(count, "CLM", numbers),
            draw.some(story.orders.rows, count),
            draw.spread(count, _REASONS),
            draw.spread(count, handlers),
            draw.amounts(count, 20, 4000),
            draw.whole(count, 2, 120),
            draw.dates(count, start, _SPAN),
            strict=True,
        )
    ]
    return Table("claims", "What customers wanted back", rows)


def _visits(story: Story, draw: Draw, numbers: Iterator[int], start: date) -> Table:
    count = draw.one(range(26, 36))
    customers = draw.some(story.customers.column("customer_id"), 6)
    visitors = draw.some(story.employees.column("handle"), 4)
    rows: list[Row] = [
        {
            "visit_id": identifier,
            "customer_id": customer,
            "visitor": visitor,
            "visited_on": day.isoformat(),
            "minutes": minutes,
            "travel_cost": cost,
        }
        for identifier, customer, visitor, day, minutes, cost in zip(
            _named(count, "VIS", numbers),
            draw.spread(count, customers),
            draw.spread(count, visitors),
            draw.dates(count, start, _SPAN),
            draw.whole(count, 20, 300),
            draw.amounts(count, 15, 900),
            strict=True,
        )
    ]
    return Table("visits", "Who called on which customer", rows)


def _machines(story: Story, draw: Draw, numbers: Iterator[int], start: date) -> Table:
    count = draw.one(range(21, 29))
    rows: list[Row] = [
        {
            "machine_id": identifier,
            "kind": kind,
            "depot_code": depot,
            "bought_on": bought.isoformat(),
            "hours_run": hours,
            "repair_cost": cost,
        }
        for identifier, kind, depot, bought, hours, cost in zip(
            _named(count, "MAC", numbers),
            draw.spread(count, _KINDS),
            draw.spread(count, draw.some(story.depots.column("depot_code"), 5)),
            draw.dates(count, start - timedelta(days=3000), 2800),
            draw.whole(count, 300, 9000),
            draw.amounts(count, 40, 3000),
            strict=True,
        )
    ]
    return Table("machines", "What moves goods in the depots", rows)


def _energy(story: Story, draw: Draw, start: date) -> Table:
    depots = draw.some(story.depots.column("depot_code"), 4)
    months = [
        f"{start.year + (start.month + place) // 12}-{(start.month + place) % 12 + 1:02}"
        for place in range(6)
    ]
    used = iter(draw.whole(24, 900, 9000))
    costs = iter(draw.amounts(24, 150, 2000))
    rows: list[Row] = [
        {"depot_code": depot, "month": month, "kilowatt_hours": next(used), "cost": next(costs)}
        for depot in depots
        for month in months
    ]
    return Table("energy", "Electricity of the depots", rows)


_REASONS = ("surface damage", "wrong size", "late arrival", "missing parts", "price too high")
_KINDS = ("forklift", "pallet jack", "conveyor", "stacker", "sweeper")
