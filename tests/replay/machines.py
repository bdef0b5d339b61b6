"""Toy worlds that try to make a state key answer wrongly, each in its own way."""

from __future__ import annotations

from random import Random

from tests.replay.toys import Json, Machine, Toy, call

KEYS = "abc"


def _write_file(m: Machine, a: Json) -> Json:
    m.files[a["k"]] = a["v"]
    return "written"


def _delete_file(m: Machine, a: Json) -> Json:
    if a["k"] not in m.files:
        raise ValueError("no such file")
    del m.files[a["k"]]
    return "deleted"


def _read_file(m: Machine, a: Json) -> Json:
    if a["k"] not in m.files:
        raise ValueError("no such file")
    return m.files[a["k"]]


def _list_files(m: Machine, a: Json) -> Json:
    return sorted(m.files)


def _set_memory(m: Machine, a: Json) -> Json:
    m.memory[a["k"]] = a["v"]
    return "stored"


def _get_memory(m: Machine, a: Json) -> Json:
    return m.memory.get(a["k"], "nothing")


def _list_memory(m: Machine, a: Json) -> Json:
    return sorted(key for key in m.memory if key in KEYS)


def _bump(m: Machine, name: str = "count") -> int:
    m.memory[name] = m.memory.get(name, 0) + 1
    return int(m.memory[name])


FILES = {
    ("fs", "write"): _write_file,
    ("fs", "delete"): _delete_file,
    ("fs", "read"): _read_file,
    ("fs", "list"): _list_files,
}
FILE_READS = frozenset({("fs", "read"), ("fs", "list")})
FILE_CALLS = [
    *(call("fs", "write", k=k, v=v) for k in KEYS for v in (1, 2)),
    *(call("fs", "delete", k=k) for k in KEYS),
    *(call("fs", "read", k=k) for k in KEYS),
    *(call("fs", "read", k=k) for k in KEYS),
    *(call("fs", "list") for _ in range(3)),
]


def files() -> Toy:
    """State in files only; writes that fail or change nothing."""
    return Toy(FILES, FILE_CALLS, FILE_READS)


def memory() -> Toy:
    """State in memory only: the fingerprint never changes."""
    tools = {("mem", "set"): _set_memory, ("mem", "get"): _get_memory, ("mem", "list"): _list_memory}
    calls = [
        *(call("mem", "set", k=k, v=v) for k in KEYS for v in (1, 2)),
        *(call("mem", "get", k=k) for k in KEYS * 2),
        *(call("mem", "list") for _ in range(3)),
    ]
    return Toy(tools, calls, frozenset({("mem", "get"), ("mem", "list")}))


def files_and_memory() -> Toy:
    """A write changes a file and, unseen, the server's memory of who wrote last."""

    def write(m: Machine, a: Json) -> Json:
        m.files[a["k"]] = 1
        m.memory[a["k"]] = a["v"]
        return "written"

    tools = {
        ("s", "write"): write,
        ("s", "get"): _get_memory,
        ("s", "list"): _list_files,
        ("s", "delete"): _delete_file,
    }
    calls = [
        *(call("s", "write", k=k, v=v) for k in KEYS for v in (1, 2)),
        *(call("s", "get", k=k) for k in KEYS * 2),
        *(call("s", "delete", k=k) for k in KEYS),
        *(call("s", "list") for _ in range(2)),
    ]
    return Toy(tools, calls, frozenset({("s", "get"), ("s", "list")}))


def counting_reads(honest: bool = True) -> Toy:
    """A read counts itself, which only ``stats`` shows."""

    def read(m: Machine, a: Json) -> Json:
        _bump(m)
        return _read_file(m, a)

    tools = {**FILES, ("fs", "read"): read, ("fs", "stats"): lambda m, a: m.memory.get("count", 0)}
    calls = [*FILE_CALLS, call("fs", "stats")]
    reads = FILE_READS | {("fs", "stats")}
    return Toy(tools, calls, reads - {("fs", "read")} if honest else reads)


def counting_writes() -> Toy:
    """A write's number shows in one particular read only."""

    def write(m: Machine, a: Json) -> Json:
        _bump(m)
        return _write_file(m, a)

    tools = {**FILES, ("fs", "write"): write, ("fs", "writes"): lambda m, a: m.memory.get("count", 0)}
    return Toy(tools, [*FILE_CALLS, call("fs", "writes")], FILE_READS | {("fs", "writes")})


def dirty_flag() -> Toy:
    """A flag that the first write sets for good; deleting restores the files, not the flag."""

    def write(m: Machine, a: Json) -> Json:
        m.memory["dirty"] = True
        return _write_file(m, a)

    tools = {**FILES, ("fs", "write"): write, ("fs", "dirty"): lambda m, a: m.memory.get("dirty", False)}
    return Toy(tools, [*FILE_CALLS, call("fs", "dirty")], FILE_READS | {("fs", "dirty")})


def durable_or_not() -> Toy:
    """One tool stores in a file or in memory, as asked; the fingerprint sees half of the state."""

    def put(m: Machine, a: Json) -> Json:
        (m.files if a["durable"] else m.memory)[a["k"]] = a["v"]
        return "stored"

    def get(m: Machine, a: Json) -> Json:
        return m.memory.get(a["k"], m.files.get(a["k"], "nothing"))

    tools = {("s", "put"): put, ("s", "get"): get, ("s", "list"): _list_files}
    calls = [
        *(call("s", "put", k=k, v=v, durable=d) for k in KEYS for v in (1, 2) for d in (True, False)),
        *(call("s", "get", k=k) for k in KEYS * 3),
        *(call("s", "list") for _ in range(2)),
    ]
    return Toy(tools, calls, frozenset({("s", "get"), ("s", "list")}))


def caching_reads(honest: bool = True) -> Toy:
    """A server reads a file once and remembers it; another server changes the file."""

    def cached(m: Machine, a: Json) -> Json:
        if a["k"] not in m.memory:
            m.memory[a["k"]] = m.files.get(a["k"], "nothing")
        return m.memory[a["k"]]

    tools = {**FILES, ("cache", "read"): cached}
    calls = [*FILE_CALLS, *(call("cache", "read", k=k) for k in KEYS * 2)]
    return Toy(tools, calls, FILE_READS | (frozenset() if honest else frozenset({("cache", "read")})))


def marking_reads(honest: bool = True) -> Toy:
    """Reading a message marks it as read, which another tool shows per message."""

    def open_(m: Machine, a: Json) -> Json:
        m.memory[a["k"]] = True
        return f"message {a['k']}"

    tools = {
        ("mail", "open"): open_,
        ("mail", "seen"): _get_memory,
        ("mail", "write"): _write_file,
        ("mail", "list"): _list_files,
    }
    calls = [
        *(call("mail", "open", k=k) for k in KEYS),
        *(call("mail", "seen", k=k) for k in KEYS),
        *(call("mail", "write", k=k, v=1) for k in KEYS),
        call("mail", "list"),
    ]
    reads = frozenset({("mail", "seen"), ("mail", "list")})
    return Toy(tools, calls, reads if honest else reads | {("mail", "open")})


def cursor(honest: bool = True) -> Toy:
    """``open`` selects, ``current`` shows, ``drop`` deletes what is selected and says only "done"."""

    def open_(m: Machine, a: Json) -> Json:
        m.memory["at"] = a["k"]
        return "opened"

    def drop(m: Machine, a: Json) -> Json:
        m.files.pop(m.memory.get("at", "a"), None)
        return "done"

    tools = {
        **FILES,
        ("fs", "open"): open_,
        ("fs", "current"): lambda m, a: m.memory.get("at", "a"),
        ("fs", "drop"): drop,
    }
    calls = [*FILE_CALLS, *(call("fs", "open", k=k) for k in KEYS), call("fs", "current"), call("fs", "drop")]
    reads = FILE_READS | {("fs", "current")}
    return Toy(tools, calls, reads if honest else reads | {("fs", "open")})


def flushing() -> Toy:
    """Memory reaches the files only when flushed."""

    def flush(m: Machine, a: Json) -> Json:
        m.files.update(m.memory)
        return "flushed"

    tools = {
        ("s", "set"): _set_memory,
        ("s", "flush"): flush,
        ("s", "read"): _read_file,
        ("s", "list"): _list_files,
    }
    calls = [
        *(call("s", "set", k=k, v=v) for k in KEYS for v in (1, 2)),
        *(call("s", "read", k=k) for k in KEYS * 2),
        *(call("s", "list") for _ in range(2)),
        *(call("s", "flush") for _ in range(3)),
    ]
    return Toy(tools, calls, frozenset({("s", "read"), ("s", "list")}))


def two_servers() -> Toy:
    """Two servers on one workspace, one of them with a memory of its own."""
    tools = {**FILES, ("mem", "set"): _set_memory, ("mem", "get"): _get_memory}
    calls = [
        *FILE_CALLS,
        *(call("mem", "set", k=k, v=v) for k in KEYS for v in (1, 2)),
        *(call("mem", "get", k=k) for k in KEYS * 2),
    ]
    return Toy(tools, calls, FILE_READS | {("mem", "get")})


def partial_failure() -> Toy:
    """A batch that fails keeps what came before the failure, in memory."""

    def batch(m: Machine, a: Json) -> Json:
        m.memory["a"] = a["v"]
        if a["v"] == 2:
            raise ValueError("row 2 is bad")
        m.memory["b"] = a["v"]
        return "stored"

    tools = {
        ("s", "batch"): batch,
        ("s", "get"): _get_memory,
        ("s", "write"): _write_file,
        ("s", "list"): _list_files,
    }
    calls = [
        *(call("s", "batch", v=v) for v in (1, 2, 3)),
        *(call("s", "get", k=k) for k in "ab" * 2),
        *(call("s", "write", k=k, v=1) for k in KEYS),
        call("s", "list"),
    ]
    return Toy(tools, calls, frozenset({("s", "get"), ("s", "list")}))


def random_machine(rng: Random, *, honest: bool = True) -> Toy:
    """Random tools over a few file and memory cells; reads show some cells, writes change some."""
    cells = [("files", name) for name in KEYS] + [("memory", name) for name in "xyz"]

    def get(m: Machine, cell: tuple[str, str]) -> int:
        return int(getattr(m, cell[0]).get(cell[1], 0))

    def reader(shown: list[tuple[str, str]], by: bool, side: tuple[str, str] | None) -> object:
        def read(m: Machine, a: Json) -> Json:
            chosen = [shown[a["i"] % len(shown)]] if by else shown
            found = [get(m, cell) for cell in chosen]
            if side:
                getattr(m, side[0])[side[1]] = (get(m, side) + 1) % 3
            return found

        return read

    def writer(changed: list[tuple[str, str]], source: tuple[str, str] | None, answers: bool) -> object:
        def write(m: Machine, a: Json) -> Json:
            value = (get(m, source) + a["i"]) % 3 if source else a["i"]
            for cell in changed:
                if value or cell[1] in "ax":
                    getattr(m, cell[0])[cell[1]] = value
                else:
                    getattr(m, cell[0]).pop(cell[1], None)
            if rng_fail and a["i"] == 2 and get(m, ("files", "a")):
                raise ValueError("conflict")
            return value if answers else "ok"

        return write

    rng_fail = rng.random() < 0.3
    tools: dict[tuple[str, str], object] = {}
    reads = set()
    servers = rng.choice((["s"], ["s", "t"]))
    calls = []
    for index in range(rng.randint(2, 4)):
        key = (rng.choice(servers), f"read{index}")
        side = rng.choice(cells[3:]) if rng.random() < 0.25 else None
        tools[key] = reader(rng.sample(cells, rng.randint(1, 3)), rng.random() < 0.5, side)
        if side is None or not honest:
            reads.add(key)
        calls += [call(*key, i=i) for i in range(rng.randint(1, 3))] * rng.randint(1, 3)
    for index in range(rng.randint(1, 3)):
        key = (rng.choice(servers), f"write{index}")
        source = rng.choice(cells) if rng.random() < 0.3 else None
        tools[key] = writer(rng.sample(cells, rng.randint(1, 2)), source, rng.random() < 0.3)
        calls += [call(*key, i=i) for i in range(3)]
    return Toy(tools, calls, frozenset(reads))  # type: ignore[arg-type]


HONEST = {
    one.__name__: one
    for one in (
        files,
        memory,
        files_and_memory,
        counting_reads,
        counting_writes,
        dirty_flag,
        durable_or_not,
        caching_reads,
        marking_reads,
        cursor,
        flushing,
        two_servers,
        partial_failure,
    )
}
LYING = {one.__name__: one for one in (counting_reads, caching_reads, marking_reads, cursor)}
