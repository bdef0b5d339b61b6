"""``python -m firefly_replay score DATASET ANSWERS.jsonl`` for those who have only the replay wheel."""

from __future__ import annotations

import sys

from .score import main

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] != ["score"]:
        print("usage: python -m firefly_replay score DATASET ANSWERS.jsonl", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(arguments[1:]))
