"""What Firefly's way to a model adds to DSPy's own, and how well many items' requests overlap.

1. CPU of a call: the same ``dspy.Predict`` through ``dspy.LM`` on its native engine, and through
   Firefly's engine with transcript, ledger and pace, in turns against one endpoint process that answers
   at once. The difference is Firefly's, recording included.
2. Overlap: so many items in flight, each asking several times one after the other, against an endpoint
   that takes half a second. Ideal: rounds x half a second. DSPy's own native engine in the same number of
   threads is measured beside it.

    python benchmarks/lm_overlap.py [IN_FLIGHT] [ROUNDS]
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from firefly.lm.models import Models, Settings
from firefly.lm.wire import the_dspy

SECONDS = 0.5
PROMPT = "What is known of the customer? " * 40
ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def endpoint(seconds: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.lm.endpoint", "0", str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def native(url: str) -> Any:
    """Return DSPy's own model at an endpoint, its cache off."""
    dspy = the_dspy()
    from dspy.lm15 import AccessPolicy, OpenAIChatCompat, ProviderDefinition, register_provider

    access = AccessPolicy(provider="benchmark", base_url=url)
    definition = ProviderDefinition.chat(access, compat=OpenAIChatCompat.preset("vllm"))
    register_provider(definition, replace=True)
    return dspy.LM("benchmark/m", api_key="none", cache=False, engine="lm15")


def ours(url: str, folder: Path) -> Models:
    described = {"_target_": "firefly.lm.endpoints.OpenAICompatible", "base_url": url, "model": "m"}
    return Models(Settings.of({"mode": "record", "transcript": str(folder), **described}))


def main(in_flight: int, rounds: int) -> None:
    """Measure and print."""
    dspy = the_dspy()
    predict = dspy.Predict("question -> answer")
    adapter = dspy.ChatAdapter(use_json_adapter_fallback=False)

    def ask(lm: Any, text: str) -> None:
        with dspy.context(lm=lm, adapter=adapter, disable_history=True):
            predict(question=text)

    with endpoint(0.0) as url, tempfile.TemporaryDirectory() as name:
        models, plain = ours(url, Path(name)), native(url)
        cpu: dict[str, list[float]] = {"DSPy alone": [], "Firefly": []}
        for turn in range(11):
            texts = [f"{PROMPT} {turn} {number}" for number in range(40)]

            def through_ours(texts: list[str] = texts, turn: int = turn) -> None:
                def all_asked() -> list[None]:
                    return [ask(models.lm("explorer"), text) for text in texts]  # type: ignore[func-returns-value]

                models.make("stage", f"item {turn}", "shape", all_asked, lambda records, spent: None)

            def through_dspy(texts: list[str] = texts) -> None:
                for text in texts:
                    ask(plain, text)

            for which, act in (("DSPy alone", through_dspy), ("Firefly", through_ours)):
                started = time.process_time()
                act()
                if turn:  # the first turn imports and connects
                    cpu[which].append((time.process_time() - started) / len(texts))
        alone, mine = (statistics.median(cpu[which]) * 1000 for which in cpu)
        pairs = zip(cpu["Firefly"], cpu["DSPy alone"], strict=True)
        added = statistics.median(one - other for one, other in pairs) * 1000
        print(f"CPU of a call, DSPy alone   {alone:6.2f} ms")
        print(f"CPU of a call, Firefly      {mine:6.2f} ms")
        print(f"added                       {added:6.2f} ms   (goal: at most 1)")

    ideal = rounds * SECONDS
    print(f"{in_flight} in flight, {rounds} requests each, {SECONDS} s an answer: ideal {ideal:.2f} s")
    with endpoint(SECONDS) as url, tempfile.TemporaryDirectory() as name:
        models, plain = ours(url, Path(name)), native(url)

        def item(number: int) -> None:
            def act() -> list[None]:
                lm = models.lm("explorer")
                return [ask(lm, f"{PROMPT} {number} {one}") for one in range(rounds)]  # type: ignore[func-returns-value]

            models.make("stage", str(number), "shape", act, lambda records, spent: None)

        def alone_item(number: int) -> None:
            for one in range(rounds):
                ask(plain, f"{PROMPT} {number} {one}")

        item(-1)
        alone_item(-1)
        for which, work in (("DSPy alone", alone_item), ("Firefly", item)):
            took = timed(lambda work=work: run_all(work, in_flight))  # type: ignore[misc]
            print(f"{which:12}{took:6.2f} s   {100 * ideal / took:5.1f}% of the ideal overlap   (goal: 90%)")


def run_all(work: Callable[[int], None], in_flight: int) -> None:
    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(work, range(in_flight)))


def timed(act: Callable[[], None]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*(int(one) for one in (*sys.argv[1:], "64", "10")[:2]))
