"""Writes tasks that change something and ask what became of it.

The answer is read after the writes, and it is one that the same read did not give before them: so the
writes are needed. Whoever writes something else, or nothing, leaves another end state, which is graded too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random

from pydantic import JsonValue

from firefly.knowledge import Knowledge
from firefly.mentions import mention, same
from firefly.outputs import leaves
from firefly.records import Exploration, ExploredCall
from firefly.replay.expressions import ExpressionError, evaluate
from firefly.replay.parsers import parse
from firefly.replay.records import Expression, Observation, StateProbe, Task
from firefly.synthesis.answers import answer_of
from firefly.synthesis.chains import Chain
from firefly.synthesis.fluency import names_commit, read_once
from firefly.synthesis.instructions import instruction
from firefly.synthesis.linking import renamed
from firefly.synthesis.picks import Pick
from firefly.synthesis.questions import Hop, wordings
from firefly.synthesis.reading import Lexicon
from firefly.synthesis.worth import LEAST, is_plumbing, worth
from firefly.synthesis.writer import Writer

__all__ = ["ChangeWriter", "change_writers"]

_TALLIES = ("scalar", "count", "total")
_TALLY = 0.4
"""Least worth of a figure about all that is there: after a change it is what a person asks for."""
_JOINTS = ("Then", "After that", "Once that is done")
_FILE = re.compile(r"\bthe (?:\w+ )?(?P<noun>[a-z]+) (?P<file>[\w./+-]+\.[A-Za-z]\w{0,5})\b")
_COMMANDS = ("Count", "Find", "Give", "List", "Name", "Tell", "State", "Report", "Look")


def change_writers(
    exploration: Exploration, knowledge: Knowledge, rng: Random, lexicon: Lexicon, phrasings: int
) -> Iterator[ChangeWriter]:
    """Yield a writer for every read that showed a change."""
    writes = {node.id for node in exploration.sub_dag.writes}
    looks = {node.id for node in exploration.sub_dag.looks}
    steps = [
        call for call in exploration.calls if not call.look and call.step.observation.outcome == "success"
    ]
    made = [call for call in steps if call.node not in looks]
    last = {call.node: call for call in made}
    made = [call for call in made if last[call.node] is call]
    first = next(
        (place for place, call in enumerate(exploration.calls) if call in made and call.node in writes), 0
    )
    for final in (call for call in steps if call.node in looks):
        before = next(
            (one for one in exploration.calls[:first] if one.call.digest == final.call.digest), None
        )
        if before is None:
            continue
        calls = (*made, final)
        outputs: dict[str, JsonValue] = {}
        tables = set()
        for call in calls:
            parsed = parse(call.step.observation)
            outputs[call.id] = parsed.value if parsed is not None else None
            if parsed is not None and parsed.parser == "csv":
                tables.add(call.id)
        tools = {call.id: tool for call in calls if (tool := knowledge.tools.get(call.call.key)) is not None}
        was = [parse(before.step.observation), *map(parse, _without(exploration, made, writes, final))]
        if len(tools) == len(calls) and outputs[final.id] is not None and was[0] is not None:
            chain = Chain(calls, outputs, tools, frozenset(tables))
            yield ChangeWriter(
                exploration,
                chain,
                knowledge,
                rng,
                lexicon,
                phrasings,
                before=[one.value for one in was if one is not None],
                writes=writes,
            )


def _without(
    exploration: Exploration, made: Sequence[ExploredCall], writes: set[str], final: ExploredCall
) -> Iterator[Observation]:
    """Yield what the read says where some of several writes are left out."""
    wanted = {call.call.digest for call in made if call.node in writes}
    for recording in exploration.orders:
        digests = [step.call.digest for step in recording.steps]
        if not wanted <= set(digests) and final.call.digest in digests:
            place = len(digests) - 1 - digests[::-1].index(final.call.digest)
            yield recording.steps[place].observation


class ChangeWriter(Writer):
    """Writes the tasks of some writes and one read after them."""

    # One or two says no more than that something was added; a guess earns nothing without the writes.
    fewest = 3

    def __init__(
        self,
        exploration: Exploration,
        chain: Chain,
        knowledge: Knowledge,
        rng: Random,
        lexicon: Lexicon,
        phrasings: int = 3,
        *,
        before: Sequence[JsonValue],
        writes: set[str],
    ) -> None:
        super().__init__(exploration, chain, knowledge, rng, lexicon, phrasings)
        self.before = before
        self.writes = [call for call in chain.calls if call.node in writes]

    def _worthy(self) -> Iterator[tuple[Pick, float]]:
        """Yield what is worth asking; how many there are now is, whatever is counted."""
        for pick in self._answers():
            if self._is_news(pick):
                weight = worth(pick, hops=len(self.chain.calls)) * min(1.0, pick.weight)
                if pick.template in _TALLIES and not is_plumbing(pick):
                    weight = max(weight, _TALLY)
                if weight >= LEAST:
                    yield pick, weight

    def _is_news(self, pick: Pick) -> bool:
        """Return whether the answer changed, to something that neither instructions nor writes say."""
        if not super()._is_news(pick):
            return False
        if any(self._alike(pick, output) for output in self.before):
            return False
        written = [leaf for call in self.writes for _, leaf in leaves(dict(call.call.arguments))]
        answers = pick.value if isinstance(pick.value, list) else [pick.value]
        replies = [call.step.observation.visible for call in self.writes]
        return not any(
            same(one, leaf) or (isinstance(leaf, str) and mention(leaf, one))
            for one in answers
            for leaf in (*written, *replies)
        )

    @staticmethod
    def _alike(pick: Pick, output: JsonValue) -> bool:
        """Return whether the answer is the same in an output that lacks some write."""
        try:
            found = evaluate(pick.expression, {pick.expression.call: output})
        except ExpressionError:
            return False
        return same(found, pick.value) or found == pick.value

    def _guessable(self, pick: Pick) -> bool:
        """Return whether the answer says how the call was made; no guess does without the writes."""
        return self._echoes(pick)

    def _task(self, answer: Pick) -> Task | None:
        typed = answer_of(answer)
        asked = self.linker.hops(answer)
        if typed is None or asked is None:
            return None
        told = self._instructions()
        if told is None:
            return None
        instructions, before = told
        final = asked[-1]
        hidden = [
            answer.value,
            *(pick.value for hop in (*before, *asked) for pick in hop.references.values()),
            *(pick.value for _, references in instructions for pick in references.values()),
        ]
        lead = " ".join(f"{text}." for text, _ in instructions)
        said = []
        for text, name in wordings(asked, answer, self.rng, self.phrasings + 1):
            question = f"{lead} {self._joined(_pointed(text, lead))}"
            # Of a commit that is named nobody needs to change anything to learn more.
            if (
                read_once(question)
                and not names_commit(text)
                and not any(mention(question, value) for value in hidden)
            ):
                said.append((question, name))
        if not said:
            return None
        wanted = {*(hop.id for hop in (*before, *asked)), *(call.id for call in self.writes)}
        order = [call for call in self.chain.calls if call.id in wanted]
        names = {call.id: f"c{number}" for number, call in enumerate(order, start=1)}
        references = {hop.id: hop.references for hop in (*before, *asked)}
        references |= {call.id: found for call, (_, found) in zip(self.writes, instructions, strict=True)}
        gold = tuple(
            self._gold(Hop(call.id, final.phrase, {}, references.get(call.id, {})), names) for call in order
        )
        expression = renamed(answer.expression, names)
        servers = {call.server for call in gold}
        probe = StateProbe(call=self.chain.final.call, expression=expression, expected=answer.value)
        return self._finished(said, typed, expression, gold, servers, (probe, *self._written(expression)))

    def _instructions(self) -> tuple[list[tuple[str, dict[str, Pick]]], list[Hop]] | None:
        """Return each instruction with its references, and the calls that give them their values."""
        found: list[tuple[str, dict[str, Pick]]] = []
        before: dict[str, Hop] = {}
        for call in self.writes:
            references: dict[str, Pick] = {}
            for parameter in sorted(call.references):
                way = self.linker.found(call, parameter)
                hops = self.linker.hops(way) if way is not None else None
                if way is None or hops is None:
                    continue  # then the instruction says the value itself, and nothing before is needed
                references[parameter] = way
                before |= {hop.id: hop for hop in hops}
            listing = self.knowledge.listings[call.call.server]
            text = instruction(
                call,
                self.chain.tools[call.id],
                list(before.values()),
                references,
                files=listing.files,
                launch_values=listing.launch_values,
            )
            if text is None:
                return None
            found.append((text, references))
        return found, list(before.values())

    def _joined(self, question: str) -> str:
        """Join the question to the instructions before it."""
        joint = self.rng.choice(_JOINTS)
        first = question.partition(" ")[0]
        lowered = question if first == "I" else question[0].lower() + question[1:]
        return f"Then {lowered}" if first in _COMMANDS else f"{joint}, {lowered}"

    def _written(self, expression: Expression) -> Sequence[StateProbe]:
        """Return a probe for the texts that were written and that the read shows."""
        return ()


def _pointed(question: str, lead: str) -> str:
    """Return the question with "that document" for a file that the instructions name.

    >>> _pointed("How long is the Word document a.docx?", "Add a heading to the Word document a.docx.")
    'How long is that document?'
    """
    for match in _FILE.finditer(question):
        if re.search(rf"(?<![\w.-]){re.escape(match['file'])}(?![\w-])", lead):
            question = question.replace(match.group(), f"that {match['noun']}")
    return question
