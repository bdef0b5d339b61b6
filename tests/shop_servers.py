"""Three small function servers over one world: orders, people, clocks."""

from __future__ import annotations

from typing import Any

from firefly.knowledge import Knowledge
from tests.function_servers import FunctionServers

ORDERS = [
    {
        "order_id": "ORD-1001",
        "customer_id": "CUS-71",
        "total": 40.5,
        "placed": "2026-01-05",
        "status": "open",
    },
    {
        "order_id": "ORD-1002",
        "customer_id": "CUS-72",
        "total": 99.0,
        "placed": "2026-02-11",
        "status": "open",
    },
    {
        "order_id": "ORD-1003",
        "customer_id": "CUS-73",
        "total": 12.0,
        "placed": "2026-03-20",
        "status": "paid",
    },
]
PEOPLE = {
    "CUS-71": {"name": "Ana Lima", "timezone": "America/Sao_Paulo", "orders": 1},
    "CUS-72": {"name": "Bo Berg", "timezone": "Europe/Stockholm", "orders": 1},
    "CUS-73": {"name": "Chi Endo", "timezone": "Asia/Tokyo", "orders": 1},
}
ZONES = {"America/Sao_Paulo": "-03:00", "Europe/Stockholm": "+01:00", "Asia/Tokyo": "+09:00", "UTC": "+00:00"}


def list_orders() -> Any:
    """List all orders."""
    return {"orders": ORDERS, "api_version": "v7.2"}


def find_orders(status: str) -> Any:
    """Find orders by status."""
    return {"status": status, "orders": [one for one in ORDERS if one["status"] == status], "count": 0}


def get_order(order_id: str) -> Any:
    """Get one order."""
    found = [one for one in ORDERS if one["order_id"] == order_id]
    if not found:
        raise ValueError(f"no order {order_id}")
    return found[0]


def get_person(customer_id: str) -> Any:
    """Get the person behind a customer id."""
    if customer_id not in PEOPLE:
        raise ValueError(f"no person {customer_id}")
    return {"customer_id": customer_id, **PEOPLE[customer_id]}


def get_offset(timezone: str) -> Any:
    """Get the UTC offset of a time zone."""
    if timezone not in ZONES:
        raise ValueError(f"invalid timezone {timezone}")
    return {"timezone": timezone, "offset": ZONES[timezone]}


def shop() -> FunctionServers:
    return FunctionServers(
        {"orders": [list_orders, find_orders, get_order], "people": [get_person], "clock": [get_offset]}
    )


def probed() -> Knowledge:
    """What probing would have found, each server on its own."""
    return shop().knowledge(
        [
            ("orders", "list_orders", {}),
            ("orders", "find_orders", {"status": "open"}),
            ("orders", "find_orders", {"status": "lost"}),
            ("orders", "get_order", {"order_id": "ORD-1001"}),
            ("orders", "get_order", {"order_id": "example"}),
            ("people", "get_person", {"customer_id": "CUS-72"}),
            ("people", "get_person", {"customer_id": "example"}),
            ("clock", "get_offset", {"timezone": "Europe/Stockholm"}),
            ("clock", "get_offset", {"timezone": "example"}),
        ]
    )
