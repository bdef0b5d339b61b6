"""What a person sees while a stage works: bars on a terminal, nothing where output is piped."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

CODE = (
    "from firefly.items import progress\n"
    "with progress('graph', 2) as advance:\n    advance()\n    advance()\n"
    "with progress('empty', 0) as advance:\n    pass\n"
)


def test_a_terminal_shows_a_bar_for_each_stage_that_has_work() -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    subprocess.run([sys.executable, "-c", CODE], stdin=theirs, stdout=theirs, stderr=theirs, check=True)
    shown = os.read(ours, 65536).decode()
    os.close(theirs)
    os.close(ours)
    assert "graph" in shown and "2/2" in shown and "100%" in shown
    assert "empty" not in shown


def test_piped_output_stays_clean() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
