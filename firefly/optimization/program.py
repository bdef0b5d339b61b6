"""The program that DSPy's optimisers see: one predictor for each prompt, called with the name of an item.

It imports DSPy; import it where something is tuned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from firefly.lm.wire import the_dspy
from firefly.optimization.measuring import Bench

if TYPE_CHECKING:
    import dspy
else:
    dspy = the_dspy()

__all__ = ["Program", "examples", "metric"]


class Program(dspy.Module):  # type: ignore[misc]
    """Makes items with its predictors; each is an attribute, named by the keyword of its state."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.keywords = tuple(bench.component().prompts())
        for keyword, prompt in bench.component().prompts().items():
            setattr(self, keyword, prompt.predictor)

    @property
    def by_keyword(self) -> Mapping[str, Any]:
        """Return its predictors."""
        return {keyword: getattr(self, keyword) for keyword in self.keywords}

    def forward(self, item: str) -> dspy.Prediction:
        """Return ``score``, ``feedback`` and the figures of one item."""
        found = self.bench.measure(item, self.by_keyword)
        return dspy.Prediction(score=found.score, feedback=found.told, measured=found)


def metric(
    example: Any, prediction: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
) -> Any:
    """Return what the rules say of an item; no model is asked."""
    return dspy.Prediction(score=prediction.score, feedback=prediction.feedback)


def examples(names: tuple[str, ...]) -> list[Any]:
    """Return items as DSPy's examples."""
    return [dspy.Example(item=name).with_inputs("item") for name in names]
