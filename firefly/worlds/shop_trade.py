"""What happens in the shop: orders, complaints, parcels, returns and stock."""

from __future__ import annotations

from datetime import date, timedelta

from firefly.worlds.draw import Draw
from firefly.worlds.tables import Cell, Row, Table
from firefly.worlds.words import (
    CARRIERS,
    COMPANY_WORDS,
    COMPLAINTS,
    HOLIDAYS,
    PARCEL_UNITS,
    PLACES,
    RETURN_REASONS,
    SEVERITIES,
    STATUSES,
)

DAYS = 260
"""Days that the story spans."""


def make_orders(draw: Draw, customers: Table, products: Table, start: date) -> tuple[Table, Table]:
    """Return the orders and their lines."""
    count = draw.one(range(92, 124))
    identifiers = draw.identifiers(count, "ORD")
    placed = draw.dates(count, start, DAYS)
    statuses = draw.spread(count, STATUSES)
    buyers = draw.some(customers.column("customer_id"), 17)
    quantities = draw.whole(240, 5, 900)
    orders: list[Row] = []
    lines: list[Row] = []
    totals: set[float] = set()
    for identifier, when, status in zip(identifiers, placed, statuses, strict=True):
        items: list[dict[str, Cell]] = []
        for product in draw.some(products.rows, draw.one((1, 1, 2, 2, 3))):
            quantity = quantities.pop() if quantities else draw.one(range(900, 2000))
            amount = quantity * float(product["unit_price"])
            items.append(
                {
                    "line_id": 0,
                    "order_id": identifier,
                    "sku": product["sku"],
                    "quantity": quantity,
                    "amount": amount,
                }
            )
        total = sum(float(item["amount"]) for item in items)
        discount = draw.one(range(1, 400)) / 4
        while total - discount in totals:
            discount += 0.25
        totals.add(total - discount)
        lines += items
        orders.append(
            {
                "order_id": identifier,
                "customer_id": draw.one(buyers),
                "placed_on": when.isoformat(),
                "due_on": (when + timedelta(days=draw.one(range(9, 46)))).isoformat(),
                "status": status,
                "discount": discount,
                "total": total - discount,
                "parcel_weight": f"{draw.one(range(20, 4000)) / 4} {draw.one(PARCEL_UNITS)}",
            }
        )
    for line, number in zip(lines, sorted(draw.whole(len(lines), 70000, 99999)), strict=True):
        line["line_id"] = number  # type: ignore[index]
    return (
        Table("orders", "Orders; the total is the lines' amounts less the discount", orders),
        Table("order_lines", "What was ordered", lines),
    )


def make_tickets(draw: Draw, orders: Table, lines: Table, employees: Table, start: date) -> Table:
    """Return the complaints."""
    count = draw.one(range(19, 28))
    chosen = draw.some(lines.rows, count)
    severities = draw.spread(count, SEVERITIES)
    assigned = draw.spread(count, draw.some(employees.column("handle"), 5))
    rows: list[Row] = [
        {
            "ticket_id": identifier,
            "opened_on": when.isoformat(),
            "order_id": line["order_id"],
            "sku": line["sku"],
            "subject": draw.one(COMPLAINTS),
            "severity": severity,
            "assigned_to": handle,
            "hours_spent": hours,
        }
        for identifier, when, line, severity, handle, hours in zip(
            draw.identifiers(count, "TCK"),
            draw.dates(count, start + timedelta(days=20), DAYS),
            chosen,
            severities,
            assigned,
            draw.amounts(count, 0, 22),
            strict=True,
        )
    ]
    return Table("tickets", "Complaints and the commit that settled each", rows)


def make_depots(draw: Draw, people: list[tuple[str, str]]) -> Table:
    """Return the depots; ``people`` lead them."""
    count = len(people)
    places = draw.some(PLACES, count)
    rows: list[Row] = [
        {
            "depot_code": identifier,
            "city": city,
            "timezone": zone,
            "opens_at": opens,
            "last_pickup": pickup,
            "lead": f"{given} {family}",
            "pallet_places": places_left,
            "floor_area": f"{area} acre",
        }
        for identifier, (city, zone), opens, pickup, (given, family), places_left, area in zip(
            draw.identifiers(count, "DEP"),
            places,
            draw.clock_times(count, 5, 9),
            draw.clock_times(count, 15, 20),
            people,
            draw.whole(count, 150, 2600),
            draw.amounts(count, 1, 9),
            strict=True,
        )
    ]
    return Table("depots", "Where goods are stored and handed to carriers", rows)


def make_carriers(draw: Draw) -> Table:
    """Return the carriers."""
    names = draw.some(CARRIERS, 5)
    rows: list[Row] = [
        {
            "carrier": name,
            "account_no": account,
            "base_fee": fee,
            "per_kg": per_kg,
            "surcharge_formula": f"{fee} + {draw.one(range(11, 95))} * {per_kg} * "
            f"{draw.one(range(103, 140)) / 100}",
        }
        for name, account, fee, per_kg in zip(
            names, draw.identifiers(5, "ACC"), draw.amounts(5, 8, 60), draw.amounts(5, 0, 6), strict=True
        )
    ]
    return Table("carriers", "Who moves the goods, and for how much", rows)


def make_shipments(draw: Draw, orders: Table, depots: Table, carriers: Table) -> Table:
    """Return the parcels of all orders that were sent."""
    sent = [row for row in orders.rows if row["status"] not in {"cancelled", "on hold"}]
    count = len(sent)
    rows: list[Row] = [
        {
            "tracking_no": identifier,
            "order_id": order["order_id"],
            "depot_code": depot,
            "carrier": carrier,
            "shipped_on": _later(str(order["placed_on"]), draw.one(range(1, 8))),
            "distance": f"{distance} mile",
            "gross_weight": f"{weight} lb",
            "freight_cost": cost,
        }
        for identifier, order, depot, carrier, distance, weight, cost in zip(
            draw.identifiers(count, "TRK"),
            sent,
            draw.spread(count, depots.column("depot_code")),
            draw.spread(count, carriers.column("carrier")),
            draw.whole(count, 40, 5200),
            draw.amounts(count, 5, 900),
            draw.amounts(count, 12, 1400),
            strict=True,
        )
    ]
    return Table("shipments", "Parcels sent for orders", rows)


def _later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def make_returns(draw: Draw, lines: Table, start: date) -> Table:
    """Return what came back."""
    count = draw.one(range(22, 30))
    rows: list[Row] = [
        {
            "return_id": identifier,
            "order_id": line["order_id"],
            "sku": line["sku"],
            "returned_on": when.isoformat(),
            "reason": reason,
            "quantity": max(1, int(line["quantity"]) // draw.one((2, 3, 5, 7))),
            "refund": refund,
        }
        for identifier, line, when, reason, refund in zip(
            draw.identifiers(count, "RMA"),
            draw.some(lines.rows, count),
            draw.dates(count, start + timedelta(days=30), DAYS),
            draw.spread(count, RETURN_REASONS),
            draw.amounts(count, 20, 2400),
            strict=True,
        )
    ]
    return Table("returns", "Goods that came back", rows)


def make_stock(draw: Draw, products: Table, depots: Table) -> Table:
    """Return what lies where."""
    codes = depots.column("depot_code")
    pairs = [(product["sku"], depot) for product in products.rows for depot in draw.some(codes, 2)]
    count = len(pairs)
    rows: list[Row] = [
        {"bin": identifier, "sku": sku, "depot_code": depot, "on_hand": on_hand, "reorder_point": reorder}
        for identifier, (sku, depot), on_hand, reorder in zip(
            draw.identifiers(count, "BIN"),
            pairs,
            draw.whole(count, 0, 4000),
            draw.whole(count, 20, 600),
            strict=True,
        )
    ]
    return Table("stock", "Counted stock by bin", rows)


def make_asides(draw: Draw, start: date) -> list[Table]:
    """Return tables that have nothing to do with the rest; a world holds some of them."""
    holidays: list[Row] = [
        {"holiday": name, "observed_on": day.isoformat(), "extra_pay": pay, "visitors": visitors}
        for name, day, pay, visitors in zip(
            draw.some(HOLIDAYS, 9),
            draw.dates(9, start, DAYS),
            draw.amounts(9, 2, 60),
            draw.whole(9, 20, 3000),
            strict=True,
        )
    ]
    audits: list[Row] = [
        {
            "audit_id": identifier,
            "audited_on": day.isoformat(),
            "auditor": word,
            "score": score,
            "findings": found,
        }
        for identifier, day, word, score, found in zip(
            draw.identifiers(14, "AUD"),
            draw.dates(14, start, DAYS),
            draw.spread(14, draw.some(COMPANY_WORDS, 4)),
            draw.whole(14, 100, 500),
            draw.whole(14, 0, 40),
            strict=True,
        )
    ]
    newsletters: list[Row] = [
        {
            "issue": identifier,
            "sent_on": day.isoformat(),
            "recipients": sent,
            "opened": sent // draw.one((2, 3, 4)),
        }
        for identifier, day, sent in zip(
            draw.identifiers(11, "NWS"), draw.dates(11, start, DAYS), draw.whole(11, 400, 9000), strict=True
        )
    ]
    vehicles: list[Row] = [
        {"plate": identifier, "bought_on": day.isoformat(), "mileage": mileage, "tank_size": f"{tank} gallon"}
        for identifier, day, mileage, tank in zip(
            draw.identifiers(8, "VAN"),
            draw.dates(8, start - timedelta(days=2000), 1900),
            draw.whole(8, 3000, 190000),
            draw.amounts(8, 12, 40),
            strict=True,
        )
    ]
    trainings: list[Row] = [
        {"course_id": identifier, "held_on": day.isoformat(), "seats": seats, "fee": fee}
        for identifier, day, seats, fee in zip(
            draw.identifiers(10, "TRN"),
            draw.dates(10, start, DAYS),
            draw.whole(10, 4, 60),
            draw.amounts(10, 20, 700),
            strict=True,
        )
    ]
    return [
        Table("holidays", "Days on which the shop is closed", holidays),
        Table("audits", "Visits of outside auditors", audits),
        Table("newsletters", "Issues sent to customers", newsletters),
        Table("vehicles", "Vans of the shop", vehicles),
        Table("trainings", "Courses held in the shop", trainings),
    ]
