"""DSPy's optimisers, as components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firefly.lm import Models
from firefly.plugins import register

__all__ = ["BootstrapFewShot", "Gepa"]

ROLE = "optimizer"
"""Who writes instructions."""


@register("optimizer", "gepa")
class Gepa:
    """A language model reads what became of items and why, and rewrites the instructions (GEPA)."""

    def __init__(
        self, *, models: Models, evaluations: int = 60, batch: int = 3, merge: bool = True, threads: int = 4
    ) -> None:
        """Set the limits.

        Args:
            models: the models of the run; the role is ``optimizer``.
            evaluations: most items made, the first look at the validation items among them; a last batch may
                exceed it.
            batch: items that it reads before it rewrites.
            merge: whether good instructions of several prompts are joined.
            threads: items made at the same time.

        """
        if min(evaluations, batch, threads) < 1:
            raise ValueError("evaluations, batch and threads must be at least 1")
        self._models, self._most, self._batch = models, evaluations, batch
        self._merge, self._threads = merge, threads

    def tune(
        self, program: Any, metric: Any, *, train: Sequence[Any], validation: Sequence[Any], seed: int
    ) -> Any:
        """Return the program with the instructions that are worth most on the validation items."""
        import dspy

        optimizer = dspy.GEPA(
            metric=metric,
            max_metric_calls=self._most,
            reflection_minibatch_size=self._batch,
            reflection_lm=self._models.lm(ROLE),
            skip_perfect_score=False,  # there is no such score
            use_merge=self._merge,
            num_threads=self._threads,
            seed=seed,
        )
        with self._models.using(ROLE):  # of its reflections; what they are about asks by its own roles
            return optimizer.compile(program, trainset=list(train), valset=list(validation))


@register("optimizer", "bootstrap")
class BootstrapFewShot:
    """Puts examples into the prompts: what they themselves did well on the training items."""

    def __init__(self, *, demonstrations: int = 4, least: float = 0.0) -> None:
        """Set the limits.

        Args:
            demonstrations: most examples in one prompt.
            least: verified tasks for each thousand tokens that an item has to exceed to become an example.

        """
        if demonstrations < 1 or least < 0:
            raise ValueError("demonstrations >= 1 and least >= 0 are needed")
        self._most, self._least = demonstrations, least

    def tune(
        self, program: Any, metric: Any, *, train: Sequence[Any], validation: Sequence[Any], seed: int
    ) -> Any:
        """Return the program with examples of the first training items that are worth more than ``least``."""
        import dspy

        def is_good(example: Any, prediction: Any, trace: Any = None) -> bool:
            return bool(metric(example, prediction, trace).score > self._least)

        optimizer = dspy.BootstrapFewShot(
            metric=is_good, max_bootstrapped_demos=self._most, max_labeled_demos=0, max_errors=1
        )
        return optimizer.compile(program, trainset=list(train))
