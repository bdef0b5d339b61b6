"""A git repository written byte for byte: commits, tags, branches, index and work tree.

Made without the git program, so that neither its version, its configuration nor the clock shows in
the result: commit hashes and every file are a function of the content alone. Objects go into one
pack without deltas; the index carries no file times, as after ``git read-tree``.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

Files = Mapping[str, str]
"""Path -> text."""

_TYPE_NUMBERS = {"commit": 1, "tree": 2, "blob": 3}
_CONFIG = (
    "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = false\n"
    "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
)


@dataclass(frozen=True)
class Person:
    """Who commits."""

    name: str
    email: str


@dataclass
class Repository:
    """A repository in the making."""

    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)

    def commit(
        self, files: Files, message: str, author: Person, when: datetime, parents: Sequence[str]
    ) -> str:
        """Add a commit of the whole tree ``files`` and return its hash. ``when`` is zone-aware."""
        offset = when.strftime("%z")
        stamp = f"{author.name} <{author.email}> {int(when.timestamp())} {offset}"
        lines = [f"tree {self._tree(files)}", *(f"parent {parent}" for parent in parents)]
        lines += [f"author {stamp}", f"committer {stamp}", "", message.rstrip("\n") + "\n"]
        return self._add("commit", "\n".join(lines).encode())

    def write(self, folder: Path, *, branch: str, head: Files, staged: Files, work: Files) -> None:
        """Write the repository into ``folder`` with ``branch`` checked out.

        ``head`` are the files of the branch's commit; ``staged`` and ``work`` replace some of them in
        the index and in the work tree (a file only in ``work`` is untracked).
        """
        index = {**head, **staged}
        entries = {path: self._add("blob", text.encode()) for path, text in index.items()}
        git = folder / ".git"
        for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "branches", "hooks"):
            (git / name).mkdir(parents=True, exist_ok=True)
        (git / "HEAD").write_text(f"ref: refs/heads/{branch}\n", encoding="utf-8")
        (git / "config").write_text(_CONFIG, encoding="utf-8")
        (git / "description").write_text("Unnamed repository.\n", encoding="utf-8")
        (git / "info" / "exclude").write_text("", encoding="utf-8")
        for name, commit in sorted(self.references.items()):
            place = git / "refs" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{commit}\n", encoding="utf-8")
        (git / "index").write_bytes(_index(entries))
        pack, pack_index, name = _pack(self.objects)
        (git / "objects" / "pack" / f"pack-{name}.pack").write_bytes(pack)
        (git / "objects" / "pack" / f"pack-{name}.idx").write_bytes(pack_index)
        for path, text in {**index, **work}.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")

    def _add(self, kind: str, content: bytes) -> str:
        name = hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).hexdigest()
        self.objects[name] = (kind, content)
        return name

    def _tree(self, files: Files) -> str:
        folders: dict[str, dict[str, str]] = {}
        entries: list[tuple[str, bytes]] = []
        for path, text in files.items():
            first, _, rest = path.partition("/")
            if rest:
                folders.setdefault(first, {})[rest] = text
            else:
                blob = bytes.fromhex(self._add("blob", text.encode()))
                entries.append((first, f"100644 {first}\0".encode() + blob))
        for name, inner in folders.items():
            # git sorts a folder as if its name ended with a slash
            entries.append((f"{name}/", f"40000 {name}\0".encode() + bytes.fromhex(self._tree(inner))))
        return self._add("tree", b"".join(line for _, line in sorted(entries)))


def _index(entries: Mapping[str, str]) -> bytes:
    out = [struct.pack(">4sII", b"DIRC", 2, len(entries))]
    for path in sorted(entries, key=str.encode):
        name = path.encode()
        # times, device, inode, owner and size are zero: git compares contents on its first look
        entry = struct.pack(">10I", 0, 0, 0, 0, 0, 0, 0o100644, 0, 0, 0) + bytes.fromhex(entries[path])
        entry += struct.pack(">H", min(len(name), 0xFFF)) + name
        out.append(entry + b"\0" * (8 - len(entry) % 8))
    body = b"".join(out)
    return body + hashlib.sha1(body).digest()


def _pack(objects: Mapping[str, tuple[str, bytes]]) -> tuple[bytes, bytes, str]:
    """Return the pack, its index (version 2) and its name."""
    names = sorted(objects)
    body = bytearray(struct.pack(">4sII", b"PACK", 2, len(names)))
    offsets, checks = [], []
    for name in names:
        kind, content = objects[name]
        # stored, not compressed: compressed bytes differ between versions of zlib
        packed = _pack_header(_TYPE_NUMBERS[kind], len(content)) + zlib.compress(content, 0)
        offsets.append(len(body))
        checks.append(zlib.crc32(packed))
        body += packed
    body += hashlib.sha1(body).digest()
    hashes = [bytes.fromhex(name) for name in names]
    fanout = [sum(one[0] <= first for one in hashes) for first in range(256)]
    index = struct.pack(">4sI256I", b"\xfftOc", 2, *fanout) + b"".join(hashes)
    index += struct.pack(f">{len(names)}I", *checks) + struct.pack(f">{len(names)}I", *offsets)
    index += bytes(body[-20:])
    return bytes(body), index + hashlib.sha1(index).digest(), hashlib.sha1(b"".join(hashes)).hexdigest()


def _pack_header(kind: int, size: int) -> bytes:
    first, size = kind << 4 | size & 0xF, size >> 4
    out = bytearray()
    while size:
        out.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    out.append(first)
    return bytes(out)
