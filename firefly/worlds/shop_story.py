"""Who and what the shop is: one seed, one set of entities that every file of the world draws on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from firefly.worlds.draw import Draw
from firefly.worlds.shop_trade import (
    make_carriers,
    make_depots,
    make_orders,
    make_returns,
    make_shipments,
    make_stock,
    make_tickets,
)
from firefly.worlds.tables import Row, Table
from firefly.worlds.words import (
    COMPANY_KINDS,
    COMPANY_WORDS,
    FAMILY_NAMES,
    FINISHES,
    GIVEN_NAMES,
    PLACES,
    PRODUCTS,
    ROLES,
    SEGMENTS,
    UNITS,
)


@dataclass(frozen=True)
class Story:
    """The shop's entities. Rows refer to each other by identifier."""

    start: date
    employees: Table
    suppliers: Table
    agreements: Table
    products: Table
    customers: Table
    orders: Table
    order_lines: Table
    tickets: Table
    depots: Table
    carriers: Table
    shipments: Table
    returns: Table
    stock: Table

    @property
    def categories(self) -> list[str]:
        """Return the product categories, sorted."""
        return sorted({str(category) for category in self.products.column("category")})


def tell(draw: Draw) -> Story:
    """Return the story that ``draw`` tells."""
    start = date(draw.one((2018, 2019, 2020, 2021, 2022)), draw.one((1, 2, 3)), draw.one(range(1, 25)))
    people = _people(draw, 54)
    employees = _employees(draw, people[: draw.one((7, 8, 9))])
    suppliers, agreements = _suppliers(draw, people[9:20], employees, start)
    products = _products(draw, suppliers)
    customers = _customers(draw, people[20 : draw.one(range(43, 49))], employees)
    orders, lines = make_orders(draw, customers, products, start)
    depots = make_depots(draw, people[48:54])
    carriers = make_carriers(draw)
    return Story(
        start=start,
        employees=employees,
        suppliers=suppliers,
        agreements=agreements,
        products=products,
        customers=customers,
        orders=orders,
        order_lines=lines,
        tickets=make_tickets(draw, orders, lines, employees, start),
        depots=depots,
        carriers=carriers,
        shipments=make_shipments(draw, orders, depots, carriers),
        returns=make_returns(draw, lines, start),
        stock=make_stock(draw, products, depots),
    )


def _people(draw: Draw, count: int) -> list[tuple[str, str]]:
    given = draw.some(GIVEN_NAMES, count)
    family = draw.some(FAMILY_NAMES, count)
    return list(zip(given, family, strict=True))


def _employees(draw: Draw, people: list[tuple[str, str]]) -> Table:
    places = draw.some(PLACES, 4)
    offices = draw.spread(len(people) + 4, places)[: len(people)]
    roles = [draw.one(ROLES) for _ in people]
    budgets = draw.whole(len(people), 1200, 9800)
    shares = [draw.one(range(11, 60)) for _ in people]
    return Table(
        "employees",
        "Staff of the shop; handles sign commits and tickets",
        [
            {
                "handle": f"{family}.{given[0]}".lower(),
                "name": f"{given} {family}",
                "role": role,
                "office_city": city,
                "timezone": zone,
                "travel_budget": budget,
                "commission_formula": f"{budget} * 0.0{share} + {draw.one(range(9, 99))}",
            }
            for (given, family), role, (city, zone), budget, share in zip(
                people, roles, offices, budgets, shares, strict=True
            )
        ],
    )


def _suppliers(
    draw: Draw, people: list[tuple[str, str]], employees: Table, start: date
) -> tuple[Table, Table]:
    count = len(people)
    words = draw.some(COMPANY_WORDS, count)
    places = draw.some(PLACES, count)
    identifiers = draw.identifiers(count, "SUP")
    agreements = draw.identifiers(count, "AGR")
    draw.rng.shuffle(agreements)
    suppliers = [
        {
            "supplier_id": identifier,
            "company": f"{word} {draw.one(COMPANY_KINDS)}",
            "contact": f"{given} {family}",
            "city": city,
            "timezone": zone,
            "order_cutoff": cutoff,
            "lead_days": lead,
            "agreement_id": agreement,
        }
        for identifier, word, (given, family), (city, zone), cutoff, lead, agreement in zip(
            identifiers,
            words,
            people,
            places,
            draw.clock_times(count, 11, 19),
            draw.whole(count, 4, 60),
            agreements,
            strict=True,
        )
    ]
    signed = draw.dates(count, start - timedelta(days=700), 690)
    handles = employees.column("handle")
    rows: list[Row] = [
        {
            "agreement_id": str(one["agreement_id"]),
            "supplier_id": str(one["supplier_id"]),
            "filename": f"{one['agreement_id']}.docx",
            "signed_on": when.isoformat(),
            "signed_by": draw.one(handles),
            "committed_volume": volume,
            "penalty_rate": rate,
            "penalty_formula": f"{volume} * {rate} / 100 + {draw.one(range(30, 400)) / 4}",
        }
        for one, when, volume, rate in zip(
            suppliers, signed, draw.whole(count, 300, 9000), draw.amounts(count, 1, 14), strict=True
        )
    ]
    rows.sort(key=lambda row: str(row["agreement_id"]))
    return (
        Table("suppliers", "Whom the shop buys from", suppliers),
        Table("agreements", "Supply agreements; the signed text is in contracts/", rows),
    )


def _products(draw: Draw, suppliers: Table) -> Table:
    categories = draw.some(sorted(PRODUCTS), 5)
    kinds = draw.spread(draw.one(range(34, 47)), categories)
    count = len(kinds)
    numbers = draw.identifiers(count, "SKU")
    names: set[str] = set()
    rows: list[Row] = []
    prices = draw.amounts(count, 3, 240)
    quantities = draw.amounts(count, 2, 90)
    supplied_by = draw.spread(count + 40, suppliers.column("supplier_id"))[:count]
    for number, kind, price, quantity, supplier in zip(
        numbers, kinds, prices, quantities, supplied_by, strict=True
    ):
        name = ""
        while not name or name in names:
            name = f"{draw.one(FINISHES)} {draw.one(PRODUCTS[kind])}"
        names.add(name)
        measure = draw.one(sorted(UNITS))
        stated, wanted = UNITS[measure]
        rows.append(
            {
                "sku": number,
                "name": name,
                "category": kind,
                "supplier_id": supplier,
                "unit_price": price,
                "package_size": f"{quantity} {draw.one(stated)}",
                "customs_unit": draw.one(wanted),
            }
        )
    return Table("products", "What the shop sells", rows)


def _customers(draw: Draw, people: list[tuple[str, str]], employees: Table) -> Table:
    count = len(people)
    places = draw.spread(count, draw.some(PLACES, 6))
    segments = draw.spread(count, draw.some(SEGMENTS, 5))
    managers = draw.spread(count, draw.some(employees.column("handle"), 5))
    rows: list[Row] = [
        {
            "customer_id": identifier,
            "company": f"{word} {draw.one(COMPANY_KINDS)}",
            "contact": f"{given} {family}",
            "city": city,
            "timezone": zone,
            "call_time": call,
            "segment": segment,
            "account_manager": manager,
            "credit_limit": limit,
        }
        for identifier, word, (given, family), (city, zone), call, segment, manager, limit in zip(
            draw.identifiers(count, "CUS"),
            draw.some(COMPANY_WORDS, count),
            people,
            places,
            draw.clock_times(count, 8, 18),
            segments,
            managers,
            draw.whole(count, 2000, 60000),
            strict=True,
        )
    ]
    return Table("customers", "Who buys", rows)
