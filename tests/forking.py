"""Runs command lines of Firefly in forked children: most of what a short run takes is the start of Python.

Started as a script, this is a process that has imported Firefly and waits; each command gets a child of it
with arguments, folder and environment of its own, which ends as ``python -m firefly`` does. Children share
the seed of Python's hashes with each other, not with processes that are started anew.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    del sys.path[0]  # this folder: its packages have the names of libraries

import atexit
import json
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn


class Parent:
    """The process that has imported Firefly; started when first needed, ended with this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()
        atexit.register(self.end)

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], *, timeout: float
    ) -> tuple[int, str, str]:
        """Return exit code, output and errors of one command."""
        with tempfile.TemporaryDirectory(prefix="firefly-said-") as folder, self._turn:
            said = [str(Path(folder, name)) for name in ("out", "err")]
            request = {"arguments": arguments, "cwd": str(cwd), "environment": environment, "said": said}
            process = self._started()
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(request, default=str) + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], timeout)[0]:
                self.end()
                raise subprocess.TimeoutExpired(["python", "-m", "firefly", *arguments], timeout)
            code = int(process.stdout.readline())
            out, err = (Path(path).read_text(encoding="utf-8") for path in said)
            return code, out, err

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                process_group=0,
            )
        return self._process

    def end(self) -> None:
        """End it, and the child that still runs."""
        process, self._process = self._process, None
        if process is not None:
            with process:
                os.killpg(process.pid, 9)


def wait() -> None:
    """Fork a child for each request on standard input; returns in children, at once."""
    import gc

    import firefly.app
    import firefly.exploration
    import firefly.export
    import firefly.pipeline
    import firefly.servers.live
    import firefly.synthesis
    import firefly.verification  # noqa: F401

    gc.freeze()
    answers = os.dup(1)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            os.close(answers)
            become(request)
        _, status = os.waitpid(child, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def become(request: Mapping[str, object]) -> NoReturn:
    """Be what ``python -m firefly`` is for this request."""
    from firefly import __main__ as command

    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    os.chdir(str(request["cwd"]))
    out, err = request["said"]  # type: ignore[misc]
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        opened = os.open(path, mode | (os.O_CREAT if mode == os.O_WRONLY else 0), 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = [str(command.__file__), *request["arguments"]]  # type: ignore[misc]
    command.main()
    raise AssertionError("it exits")


PARENT = Parent()

if __name__ == "__main__":
    wait()
