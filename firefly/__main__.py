"""``python -m firefly``: verbs that only read a finished folder, or else the Hydra application."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence

VERBS = ("plugins", "score", "serve")


def main() -> None:
    """Dispatch the command line and exit with its code."""
    gc.set_threshold(50_000)  # imports leave none, and looking for garbage meanwhile is a tenth of a start
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`). Python flushes once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + signal.SIGPIPE
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    verb = arguments[0] if arguments else ""
    if verb in VERBS:
        return _verb(verb)(arguments[1:])
    if verb and verb.isidentifier() and "=" not in verb:
        from firefly.errors import nearest

        print(
            f"firefly: there is no verb {verb!r}. {nearest(verb, VERBS)} "
            "Without a verb a data set is made: python -m firefly --help",
            file=sys.stderr,
        )
        return 2
    from firefly.app import main as application

    return application()


def _verb(name: str) -> Callable[[Sequence[str]], int]:
    if name == "score":
        from firefly.replay.score import main as score

        return score
    if name == "serve":
        from firefly.serve import main as serve

        return serve
    from firefly.plugin_list import main as plugins

    return plugins


if __name__ == "__main__":
    main()
