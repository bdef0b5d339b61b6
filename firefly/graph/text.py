"""Scores edges by wording: what is said of a parameter, against what is said of a tool and its output."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from weakref import WeakKeyDictionary

from firefly.english import vocabulary
from firefly.graph.drafts import draft
from firefly.knowledge import Knowledge
from firefly.outputs import leaves, parsed_output
from firefly.parameters import Parameter, parameters
from firefly.plugins import register
from firefly.records import Edge, ToolKey
from firefly.replay.records import Tool
from firefly.values.semantic import words

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
_SATURATION, _LENGTH = 1.2, 0.75
"""The two constants of BM25 at their usual values."""
_NAME, _FIELD = 3, 2
"""How often a word of a tool's name, and of the key of an output, counts."""
_READ = 4
"""Outputs of one tool whose keys are read."""
_STOP = vocabulary(
    "a about all also an and any are as at be been but by can could do does each e for from g has have how "
    "if in instead into is it its like may more must need new no not of on one only optional or other out "
    "required same set should so such than that the their them then there these they this those to true "
    "false use used using value want was when where whether which while will with within without you your "
    "return parameter string number integer boolean array object default example given specified tool"
)
"""Words that say nothing of what is passed."""

Terms = Mapping[str, int]


@register("scorer", "text")
class Text:
    """BM25 of a parameter's name and description over the producers' names, descriptions and output fields.

    It says nothing of where in the output a value stands, and speaks of two tools that were never
    called as well as of others. Rare words are those rare among the tools of the two servers, so that
    another server changes no score.
    """

    def __init__(self, *, floor: float = 0.3) -> None:
        """Set the limit.

        Args:
            floor: edges scored lower, 0..1, are not returned.
        """
        self.floor = floor
        self._corpora: WeakKeyDictionary[Knowledge, _Corpus] = WeakKeyDictionary()

    def score(self, source: Tool, targets: Sequence[Tool], *, evidence: Knowledge) -> list[Edge]:
        """Return an edge without a path for every parameter whose text is near enough to the source's."""
        if evidence not in self._corpora:
            self._corpora[evidence] = _Corpus(evidence)
        corpus = self._corpora[evidence]
        found = []
        for target in targets:
            rarity, mean = corpus.rarity(source.server, target.server)
            for parameter, asked in corpus.asked(target):
                score, shared = _bm25(asked, corpus.document(source), rarity, mean)
                if source.key == target.key:
                    score *= 0.5
                if score >= self.floor:
                    found.append(
                        draft(
                            source=source.key,
                            target=target.key,
                            parameter=parameter.name,
                            score=round(score, 4),
                            evidence={"text": {"score": round(score, 4), "words": [*sorted(shared)]}},
                        )
                    )
        return found


class _Corpus:
    """Documents of all tools, and how rare their words are among the tools of two servers."""

    def __init__(self, knowledge: Knowledge) -> None:
        fields = {key: _fields(key, knowledge) for key in knowledge.tools}
        self._documents = {key: _document(tool, fields[key]) for key, tool in knowledge.tools.items()}
        self._asked: dict[ToolKey, list[tuple[Parameter, Terms]]] = {}
        self._rarity: dict[frozenset[str], tuple[dict[str, float], float]] = {}

    def document(self, tool: Tool) -> Terms:
        """Return the words that speak of a tool as a source."""
        return self._documents.get(tool.key) or _document(tool, ())

    def asked(self, tool: Tool) -> list[tuple[Parameter, Terms]]:
        """Return the words that speak of each parameter of a target."""
        if tool.key not in self._asked:
            self._asked[tool.key] = [(one, _query(one)) for one in parameters(tool)]
        return self._asked[tool.key]

    def rarity(self, *servers: str) -> tuple[dict[str, float], float]:
        """Return word -> weight, and the mean length of a document, among the tools of ``servers``."""
        names = frozenset(servers)
        if names not in self._rarity:
            documents = [terms for key, terms in self._documents.items() if key[0] in names]
            count = Counter(word for terms in documents for word in terms)
            weights = {
                word: math.log(1 + (len(documents) - number + 0.5) / (number + 0.5))
                for word, number in count.items()
            }
            mean = sum(sum(terms.values()) for terms in documents) / max(1, len(documents))
            self._rarity[names] = (weights, mean)
        return self._rarity[names]


def _bm25(asked: Terms, document: Terms, rarity: Mapping[str, float], mean: float) -> tuple[float, set[str]]:
    """Return BM25 as a share of what a document of endless repetitions of the query would get."""
    shared = asked.keys() & document.keys()
    if not shared:
        return 0.0, set()
    unseen = math.log(2.0)
    most = sum(rarity.get(word, unseen) * count for word, count in asked.items())
    length = _SATURATION * (1 - _LENGTH + _LENGTH * sum(document.values()) / max(1.0, mean))
    found = sum(
        rarity.get(word, unseen) * asked[word] * document[word] / (document[word] + length) for word in shared
    )
    return found / most, shared


def _document(tool: Tool, fields: Iterable[str]) -> Terms:
    found = Counter(_words(f"{tool.title} {tool.description}"))
    for word in words(tool.name):
        found[word] += _NAME
    for field in fields:
        for word in words(field):
            found[word] += _FIELD
    return {word: count for word, count in found.items() if word not in _STOP}


def _query(parameter: Parameter) -> Terms:
    found = Counter(_words(parameter.description[:400]))
    for word in words(parameter.name):
        found[word] += _NAME
    return {word: count for word, count in found.items() if word not in _STOP}


def _fields(key: ToolKey, knowledge: Knowledge) -> list[str]:
    """Return the distinct keys of the tool's outputs."""
    found: dict[str, None] = {}
    for step in knowledge.successes(key)[:_READ]:
        for path, _ in leaves(parsed_output(step.observation)):
            found.update((part, None) for part in path if isinstance(part, str) and len(part) <= 40)
    return list(found)[:200]


def _words(text: str) -> list[str]:
    return [word for raw in _WORD.findall(text[:2000]) for word in words(raw)]
