"""The words that fixture worlds are told with."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIVEN_NAMES = _words(
    """
    Adaeze Akira Amara Anselm Arvid Beatriz Bogdan Caleb Camila Chidi Dalia Damir Edda Elif Emeka Esther
    Farida Fergus Gideon Greta Hana Hugo Ilse Imani Ivo Jaya Joaquin Kamila Kofi Lena Lucia Mahmoud
    Maren Mateo Mira Nadia Naoki Nils Odile Olga Omar Paloma Petra Quentin Rania Ravi Rosa Saskia Selim
    Soraya Tariq Thea Tomasz Uma Viggo Wanda Xenia Yara Yusuf Zora
    """
)

FAMILY_NAMES = _words(
    """
    Abara Almeida Andersen Bakker Banerjee Barrow Castellan Chukwu Dahl Delgado Dimitrov Eklund Endo
    Fairchild Farouk Galvez Grahn Haddad Hartmann Iversen Jankowski Juarez Kaplan Kimura Kowal Lindqvist
    Lombardi Mbeki Moreau Nakagawa Novak Obi Okafor Osman Pereira Petrov Quist Rahimi Rinaldi Sandoval
    Sato Schreiber Tanaka Thorne Ueda Valente Varga Voss Wainwright Weiss Yildiz Zamora Zelenko Zhou
    """
)

COMPANY_WORDS = _words(
    """
    Alder Amber Anvil Beacon Birch Bramble Cedar Cinder Cobalt Copper Delta Drift Ember Falcon Fathom
    Garnet Harbor Hazel Heron Indigo Ivory Juniper Kestrel Lantern Larch Linden Marble Meridian Mistral
    Nimbus Onyx Osprey Pewter Quarry Raven Rowan Sable Saffron Slate Sparrow Summit Tamarind Thistle
    Timber Umber Velvet Walnut Willow
    """
)

COMPANY_KINDS = _words(
    """
    Boatworks Cranes Engineering Farms Fittings Foundry Freight Glassworks Joinery Kitchens Machines
    Mills Motors Pumps Rail Robotics Shipyard Solar Textiles Timber Tooling Turbines Winery Workshop
    """
)

PLACES_WITH_OFFSETS = (
    # (city, zone, minutes east of UTC). No clock changes: what is computed from them holds the whole year.
    ("Tokyo", "Asia/Tokyo", 540),
    ("Kolkata", "Asia/Kolkata", 330),
    ("Kathmandu", "Asia/Kathmandu", 345),
    ("Dubai", "Asia/Dubai", 240),
    ("Karachi", "Asia/Karachi", 300),
    ("Jakarta", "Asia/Jakarta", 420),
    ("Singapore", "Asia/Singapore", 480),
    ("Yangon", "Asia/Yangon", 390),
    ("Brisbane", "Australia/Brisbane", 600),
    ("Darwin", "Australia/Darwin", 570),
    ("Nairobi", "Africa/Nairobi", 180),
    ("Lagos", "Africa/Lagos", 60),
    ("Accra", "Africa/Accra", 0),
    ("Johannesburg", "Africa/Johannesburg", 120),
    ("Bogota", "America/Bogota", -300),
    ("Caracas", "America/Caracas", -240),
    ("Sao Paulo", "America/Sao_Paulo", -180),
    ("Phoenix", "America/Phoenix", -420),
    ("Honolulu", "Pacific/Honolulu", -600),
    ("Apia", "Pacific/Apia", 780),
)

PLACES = tuple((city, zone) for city, zone, _ in PLACES_WITH_OFFSETS)

UTC_OFFSETS = {zone: minutes for _, zone, minutes in PLACES_WITH_OFFSETS}

PRODUCTS = {
    "fasteners": (
        "hex bolt",
        "wing nut",
        "lock washer",
        "anchor stud",
        "carriage bolt",
        "split pin",
        "cap screw",
    ),
    "bearings": (
        "thrust bearing",
        "needle bearing",
        "pillow block",
        "roller sleeve",
        "race ring",
        "ball cage",
    ),
    "hydraulics": ("relief valve", "gear pump", "ram seal", "flow divider", "hose coupling", "pilot check"),
    "electrics": ("terminal block", "limit switch", "cable gland", "relay base", "fuse holder", "bus bar"),
    "tooling": ("boring bar", "collet chuck", "thread tap", "end mill", "tool post", "drill sleeve"),
    "drives": (
        "timing pulley",
        "chain tensioner",
        "shaft collar",
        "spur gear",
        "worm wheel",
        "flex coupling",
    ),
    "sealing": ("gland packing", "lip seal", "spiral gasket", "quad ring", "wiper ring", "shaft boot"),
    "lifting": ("shackle", "eye bolt", "load hook", "swivel block", "rigging screw", "lever hoist"),
}

FINISHES = _words(
    """
    brass zinc-plated stainless anodised galvanised nickel bronze titanium nylon hardened phosphated
    chromed
    """
)

UNITS = {
    # what a quantity is stated in, and what customs wants it in
    "mass": (("lb", "stone", "oz", "troypound"), ("kg", "g")),
    "length": (("ft", "yard", "fathom", "inch"), ("m", "cm")),
    "volume": (("gallon", "pint", "bushel", "brgallon"), ("liter", "m^3")),
}

PARCEL_UNITS = ("lb", "stone", "oz")

CARRIERS = (
    "Arrowline",
    "Bluefin Cargo",
    "Corvus Express",
    "Dunmore Freight",
    "Eastway",
    "Fjordlink",
    "Gullwing Air",
)

SEGMENTS = ("marine", "energy", "food", "rail", "mining", "leisure", "aviation")

STATUSES = ("delivered", "shipped", "packed", "on hold", "cancelled", "returned")

SEVERITIES = ("low", "medium", "high", "urgent")

RETURN_REASONS = (
    "wrong size",
    "surface damage",
    "late arrival",
    "ordered twice",
    "missing parts",
    "not to drawing",
)

ROLES = (
    "buyer",
    "pricing analyst",
    "account manager",
    "warehouse lead",
    "developer",
    "controller",
    "dispatcher",
)

COMPLAINTS = (
    "invoice shows the old price",
    "rebate was not applied",
    "parcel weight does not match the label",
    "wrong part in the box",
    "delivery window missed",
    "customs form lists another unit",
    "order total is off",
    "contract number is missing on the slip",
)

LENDABLE = {
    "sawing": ("jigsaw", "fret saw", "mitre saw", "band saw", "bow saw", "track saw"),
    "drilling": ("hammer drill", "brace", "auger", "drill press", "core drill"),
    "measuring": ("laser level", "theodolite", "depth gauge", "plumb line", "moisture meter"),
    "lifting": ("chain hoist", "scissor jack", "pallet truck", "winch", "panel lifter"),
    "finishing": ("belt sander", "spray gun", "heat gun", "scraper", "buffer"),
    "garden": ("chipper", "tiller", "hedge cutter", "edger", "earth rammer"),
    "sewing": ("overlocker", "walking-foot machine", "button press", "hem clip set"),
}

COLUMN_NOTES = {
    "order_id": "order in the shop database",
    "sku": "product in the shop database",
    "shipped_on": "day of the pickup",
    "distance": "way to the customer, with its unit",
    "gross_weight": "gross weight, with its unit",
    "floor_area": "floor, with its unit",
    "timezone": "IANA name",
    "last_pickup": "local time of the last pickup",
    "on_hand": "pieces at the last count",
    "refund": "paid back, before freight",
    "surcharge_formula": "what a heavy parcel costs on top",
    "account_no": "our number with the carrier",
    "score": "out of 500",
    "visitors": "counted at the gate",
}

HOLIDAYS = (
    "Founders Day",
    "Harvest Monday",
    "Lantern Night",
    "Regatta Day",
    "Midwinter Eve",
    "Ropewalk Day",
    "Toolmakers Day",
    "Open Gate Day",
    "River Festival",
    "Stocktaking Day",
    "Smiths Day",
    "Old Bridge Day",
)
