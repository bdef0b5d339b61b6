"""Tasks that language models write: the answer is what was observed, and the question asks for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import JsonValue

from firefly.components import states_of
from firefly.errors import ConfigError
from firefly.knowledge import Knowledge
from firefly.lm import Models
from firefly.lm.formulas import Formula
from firefly.lm.prompt import Prompt
from firefly.mentions import mention
from firefly.protocols import ForwardWriter, TaskWriter
from firefly.records import Exploration, Solution
from firefly.replay.expressions import evaluate
from firefly.replay.records import Task
from firefly.synthesis import with_distractors
from firefly.synthesis.backward import Backward
from firefly.synthesis.chains import chains
from firefly.synthesis.faithful import Needs, faults
from firefly.synthesis.forward import Forward
from firefly.synthesis.outcomes import Outcomes
from firefly.synthesis.paraphrase import Paraphrase
from firefly.synthesis.template import Template
from firefly.verification.flow import Flow
from firefly.verification.leakage import Leakage
from firefly.verification.necessity import Necessity
from firefly.verification.recorded import agrees, match
from firefly.verification.replay import Replay
from firefly.verification.schema import Schema
from firefly.verification.sources import Provenance
from firefly.verification.uniqueness import Uniqueness
from tests.library_servers import CHAIN, SHORT, known, library
from tests.lm.agent import Agent
from tests.lm.competent import competent
from tests.lm.endpoint import Chat, Personality, endpoint
from tests.lm.fixtures import make, models
from tests.lm.personalities import ALL_BAD, lies_in
from tests.lm.writing import formula as read_by_a_person
from tests.synthesis.test_template import explored_by
from tests.verification.test_checks import trial

EXPLORATIONS = [*explored_by(CHAIN), *explored_by(SHORT)]
KNOWLEDGE = known(tuple(EXPLORATIONS))
SHORT_ONE = next(one for one in EXPLORATIONS if one.completed and one.sub_dag == SHORT)


def writes(
    personality: Personality,
    writer: Callable[[Models], TaskWriter],
    explorations: list[Exploration] = EXPLORATIONS,
    **keys: Any,
) -> tuple[list[Task], dict[str, dict[str, int]]]:
    """Return what a writer over this model writes, and what went wrong."""
    with endpoint(personality) as there:
        asked = models(there.url, **keys)
        made = writer(asked)

        def act() -> list[Task]:
            return [
                task for one in explorations for task in made.write(one, knowledge=KNOWLEDGE, rng=Random(0))
            ]

        return make(asked, "all", act), asked.ledger.sent()["events"]


def backward(asked: Models, **more: Any) -> TaskWriter:
    return Backward(models=asked, **{"corrections": 0, **more})


def paraphrase(asked: Models) -> TaskWriter:
    return Paraphrase(models=asked, writer=Template(tasks=2, phrasings=0), versions=2)


def of(task: Task) -> Exploration:
    return next(one for one in EXPLORATIONS if one.id == task.provenance.exploration)


def assert_right(task: Task) -> None:
    """The label is what the recorded calls say, and no wording gives away what has to be found."""
    found = match(task, of(task).recording.steps)
    assert not found.fault, found.fault
    assert agrees(task.answer, found.value(task.expression)), task
    hidden = [found.value(one) for gold in task.gold_calls for one in gold.references.values()]
    for text in task.wordings:
        assert not any(mention(text, value) for value in (task.answer.value, *hidden)), text


def assert_asked_for(task: Task) -> None:
    """Someone who reads the question over what the calls returned comes to the label."""
    found = match(task, of(task).recording.steps)
    shown = [
        f"{name}: tool({json.dumps(found.calls[name].arguments)})\n  returned: {json.dumps(output)}"
        for name, output in found.outputs.items()
    ]
    for text in task.wordings:
        asked = "\n".join(["[[ ## calls ## ]]", *shown, "\n[[ ## question ## ]]", text, "\nRespond"])
        said = read_by_a_person(Chat({"messages": [{"role": "user", "content": asked}]}, {}, 0))
        from firefly.lm.formulas import Formula, expression_of

        value = expression_of(Formula.model_validate(said), found.outputs)[1]
        assert agrees(task.answer, value), (text, task.answer.value, value)


@pytest.mark.parametrize("keys", [{}, {"json_schema": False}])
def test_a_model_writes_tasks_backward_that_pass_the_rules(keys: dict[str, Any]) -> None:
    tasks, _ = writes(competent(), backward, **keys)
    assert len(tasks) >= 6
    assert {len(task.gold_calls) for task in tasks} == {2, 3}
    assert all(task.rubric == ("The value is looked up.",) or not task.rubric for task in tasks)
    for task in tasks:
        assert_right(task)
        assert_asked_for(task)
        looked_at = trial(*tasks, knowledge=KNOWLEDGE, exploration=of(task))
        for check in (Schema, Provenance, Flow, Leakage, Uniqueness, Replay, Necessity):
            assert check().check(task, looked_at).status in ("pass", "not_applicable"), (check, task.question)


def said(question: str, **formula: Any) -> Agent:
    """A writer who writes this one task, and readers who agree with anything that it says."""
    one = {"op": "value", "call": "c2", "path": ["town"], **formula}
    task = {"question": question, "formula": one, "rubric": ["It is 4711 exactly.", "Looks it up."]}
    return Agent({"tasks": lambda chat: [task], "formula": lambda chat: one, "wordings": lambda chat: []})


def passed_on() -> tuple[str, str]:
    """How the short exploration singles out its reader, in words; and the reader's number."""
    (call,) = (one for one in SHORT_ONE.calls if one.references)
    reference = call.references["reader_id"]
    told = " and ".join(f'{one.field[-1]} "{one.value}"' for one in reference.where)
    if reference.op == "sort":
        told = f"the {'highest' if reference.descending else 'lowest'} {reference.by[-1]}"
    return told, str(call.call.arguments["reader_id"])


TOLD, NUMBER = passed_on()
ENDS = {"highest": "lowest", "lowest": "highest"}
OTHER_END = (
    ENDS[TOLD.split()[1]].join(TOLD.split(TOLD.split()[1])) if TOLD.split()[1] in ENDS else "any title"
)


def test_what_a_question_says_is_what_the_formula_reads() -> None:
    [task], _ = writes(
        said(f"In which town lives the reader of the book with {TOLD}?"), backward, [SHORT_ONE]
    )
    assert task.answer.value == evaluate(task.expression, match(task, of(task).recording.steps).outputs)
    assert task.rubric == ("Looks it up.",)  # a figure that nothing showed is no part of a rubric


@pytest.mark.parametrize(
    "question",
    [
        "",
        "In which town does the reader live?",  # which reader?
        f"In which town lives the reader of the book with {TOLD} and 300 pages?",
        f"In which town lives the reader of the book with {TOLD} called Tide Tables?",
        f'In which town lives the reader of the book with {TOLD} and genre "novel"?',
        f"What is the name of the reader of the book with {TOLD}?",  # another field
        f"What are the fees of the reader of the book with {TOLD}?",
        f"In which town lives reader {NUMBER}, who has the book with {TOLD}?",
        f"Use get_reader: in which town lives the reader of the book with {TOLD}?",
        f"In which town lives the reader of the book with {OTHER_END}?",
        f"In which town, of two, lives the reader of the book with {TOLD}?",
    ],
)
def test_a_question_that_says_more_less_or_other_things_makes_no_task(question: str) -> None:
    tasks, events = writes(said(question), backward, [SHORT_ONE])
    assert tasks == []
    assert events["writer"]["unfaithful"] == 1


@pytest.mark.parametrize(
    "formula",
    [
        {"path": ["country"]},
        {"call": "c9"},
        {"call": "c1", "path": ["books", 0, "title"]},
        {"path": []},
        {"op": "where", "call": "c1", "path": ["books"], "field": ["title"], "where": []},
        {"op": "sum", "call": "c1", "path": ["books"], "field": ["title"]},
    ],
)
def test_a_formula_without_a_single_value_makes_no_task(formula: dict[str, Any]) -> None:
    question = f"In which town lives the reader of the book with {TOLD}?"
    tasks, events = writes(said(question, **formula), backward, [SHORT_ONE])
    assert tasks == []
    assert events["writer"]["no_answer"] == 1


def test_a_question_that_a_second_reader_takes_otherwise_makes_no_task() -> None:
    writer = said(f"In which town lives the reader of the book with {TOLD}?")
    writer.fields["formula"] = lambda chat: {"op": "value", "call": "c2", "path": ["joined"]}
    tasks, events = writes(writer, backward, [SHORT_ONE])
    assert (tasks, events["judge"]["disagrees"]) == ([], 1)
    tasks, _ = writes(writer, lambda asked: backward(asked, confirm=False), [SHORT_ONE])
    assert len(tasks) == 1
    tasks, _ = writes(writer, lambda asked: backward(asked, confirm=False, language="Danish"), [SHORT_ONE])
    assert tasks == []  # the rules for English words say nothing there, so a reader must agree


def test_a_writer_is_told_what_is_wrong_and_writes_anew() -> None:
    right = f"In which town lives the reader of the book with {TOLD}?"
    for first, wrong in (("In which town lives the reader?", "it does not say"), (right, "has no use")):
        writer = said(right)
        [good] = writer.fields["tasks"](Chat({}, {}, 0))
        bad = {
            "question": first,
            "formula": {**good["formula"], **({"path": ["no"]} if first == right else {})},
        }
        told: list[str] = []

        def tasks(chat: Chat, good: Any = good, bad: Any = bad, told: list[str] = told) -> list[Any]:
            told.append(chat.said_by("user")[-1])
            return [good] if f"- {bad['question']}" in told[-1] else [bad]

        writer.fields["tasks"] = tasks
        [task], _ = writes(writer, lambda asked: backward(asked, corrections=1), [SHORT_ONE])
        assert_right(task)
        assert (wrong in told[0], wrong in told[1], len(told)) == (False, True, 2)


def test_a_condition_on_what_was_passed_on_asks_for_that_and_is_no_premise() -> None:
    chain = next(chains(SHORT_ONE, KNOWLEDGE))
    rows: list[JsonValue] = [{"reader": NUMBER, "town": "Lund"}, {"reader": "R-0", "town": "Leeds"}]
    where = [{"field": ["reader"], "value": NUMBER}]
    formula = Formula.model_validate(
        {"op": "where", "call": "c2", "path": ["rows"], "field": ["town"], "where": where}
    )
    for count in (1, 2):
        outputs = {**chain.outputs, "c2": {"rows": rows[:count]}}
        found = Outcomes(replace(chain, outputs=outputs), KNOWLEDGE, Random(0)).read(formula)
        assert found.value == "Lund"
        assert NUMBER in found.needs.hidden
        assert NUMBER not in found.needs.stated
        assert [one.reference is not None for one in found.expression.where] == [True] * (count - 1)


def test_the_rewrite_that_hides_the_steps_counts_only_if_it_asks_for_the_same() -> None:
    plain = f"In which town lives the reader of the book with {TOLD}?"
    hidden = f"The book with {TOLD} is out; which town is it in?"
    for text, asked in ((hidden, hidden), (f"{hidden} Not 300?", plain), ("Where is it?", plain)):
        writer = said(plain)
        writer.fields["wordings"] = lambda chat, text=text: [text]  # type: ignore[misc]
        [task], _ = writes(writer, backward, [SHORT_ONE])
        assert task.question == asked


def test_difficulty_and_manner_are_said_and_hard_tasks_take_several_calls() -> None:
    with endpoint(competent()) as there:
        asked = models(there.url)
        writer = Backward(models=asked, difficulty="hard", style="in capitals", language="English")
        alone = explored_by(SHORT.model_copy(update={"nodes": SHORT.nodes[:1], "links": (), "id": ""}))
        make(asked, "one", lambda: writer.write(alone[0], knowledge=KNOWLEDGE, rng=Random(0)))
        assert there.requests == []
        make(asked, "two", lambda: writer.write(SHORT_ONE, knowledge=KNOWLEDGE, rng=Random(0)))
        assert "in capitals" in there.requests[0].text
        assert "none of which the question spells out" in there.requests[0].text


def wrong_numbers(text: str) -> str:
    return re.sub(r"\d+", lambda found: str(int(found.group()) * 3 + 41), text)


def turned(text: str) -> str:
    ends = {"highest": "lowest", "lowest": "highest", "most": "fewest", "first": "last", "latest": "earliest"}
    return re.sub("|".join(ends), lambda found: ends[found.group()], text)


LIES: dict[str, Callable[[str], str]] = {
    "other numbers": wrong_numbers,
    "other names": lambda text: re.sub(
        r'"(\w)([^"]+)"', lambda found: f'"{found.group(2)}{found.group(1)}"', text
    ),
    "other ends": turned,
    "one more condition": lambda text: text.replace("?", " in Bergen?"),
    "another field": lambda text: re.sub(r"the (\w+)", "the joined date", text, count=1),
    "says an answer": lambda text: f"{text} It is 42.",
}
BAD = {
    **ALL_BAD,
    **{
        f"lies: {name}": lies_in(frozenset({"question", "wordings", "rubric"}), lie)
        for name, lie in LIES.items()
    },
}


@pytest.mark.parametrize("writer", [backward, paraphrase])
@pytest.mark.parametrize("name", sorted(BAD))
def test_no_bad_model_brings_in_a_wrong_label_or_a_crash(
    name: str, writer: Callable[[Models], TaskWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)
    import dspy

    explorations = [SHORT_ONE]
    try:
        tasks, events = writes(BAD[name](competent()), writer, explorations)
    except dspy.LMError:  # the item fails and is counted; the run goes on
        assert name in ("garbage", "some never succeed")
        return
    for task in tasks:
        assert_right(task)
        if task.provenance.synthesizer == "backward":
            assert_asked_for(task)
        assert not any("42" in line or "4711" in line for line in task.rubric)
    if name in ("refuses", "empty", "lies: other numbers", "wrong types"):
        assert tasks or any(events["writer"].get(what) for what in ("unreadable", "unfaithful", "no_answer"))


def test_template_questions_are_worded_anew_and_their_answers_stay() -> None:
    tasks, _ = writes(competent(), paraphrase)
    plain, _ = writes(competent(), lambda asked: Template(tasks=2, phrasings=0))
    assert [(one.answer, one.expression, one.gold_calls) for one in tasks] == [
        (one.answer, one.expression, one.gold_calls) for one in plain
    ]
    anew = [one for one in tasks if one.provenance.synthesizer == "paraphrase"]
    assert len(anew) > len(tasks) / 2
    assert all(one.question not in {other.question for other in plain} for one in anew)
    assert any(len(one.wordings) == 2 for one in anew)
    for task in tasks:
        assert_right(task)


def test_a_question_that_a_model_only_spoils_stays_as_it_was() -> None:
    unlike = Agent({"wordings": lambda chat: ["What is it?"], "same": lambda chat: True})
    differing = Agent({**competent().fields, "same": lambda chat: False})
    plain, _ = writes(competent(), lambda asked: Template(tasks=2, phrasings=0))
    for personality in (unlike, differing):
        assert writes(personality, paraphrase)[0] == plain


def test_what_a_question_begins_by_asking_for_is_the_field_that_is_read() -> None:
    needs = Needs(
        field="deposit", beside=("name", "daily fee"), allowed="name deposit daily fee yard juniper"
    )
    right = "What is the deposit, given the daily fee of the one with the name Juniper Yard?"
    assert faults(right, needs) == []
    assert faults("How much has to be left for the one with the name Juniper Yard?", needs) == []
    for wrong in ("What is the name", "Could you tell me this: what is the daily fee"):
        [fault] = faults(f"{wrong}, given the deposit of Juniper Yard?", needs)
        assert "another field" in fault


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("How many orders above 500 are there?", ""),
        ("How many orders over 500 are there?", ""),
        ("How many orders below 500 are there?", "(above)"),
        ("How many orders of at least 500 are there?", ""),
        ("How many orders of at most 500 are there?", "(above)"),
        ("Which orders are above 500?", "count"),
        ("How many orders above five hundred are there?", "500"),
        ("How many orders above 500 from Oslo are there?", "Oslo"),
        ("How many of the three orders are above 500?", "three"),
        ("How many orders above 500 has the largest shop?", "(high)"),
    ],
)
def test_words_for_sides_ends_counts_and_names_are_looked_at(text: str, wrong: str) -> None:
    needs = Needs(stated=(500,), directions=frozenset({"above"}), fold="count", allowed="orders total shop")
    found = "; ".join(faults(text, needs))
    assert wrong in found and bool(found) == bool(wrong)


# --- the usual way ----------------------------------------------------------------------------


class Inventor(Agent):
    """Invents one question, calls what it is told to, and says what it is told to."""

    def __init__(self, question: str, answer: str) -> None:
        super().__init__({"tasks": lambda chat: [{"question": question}]})
        self.answer = answer

    def act(self, chat: Chat) -> Any:
        from tests.lm.agent import history
        from tests.lm.endpoint import Reply, ToolUse

        done = len(list(history(chat)))
        if done == 0:
            return Reply("", (ToolUse("list_books"),))
        if done == 1:
            return Reply("", (ToolUse("get_reader", {"reader_id": "R-17"}), ToolUse("no_such_tool")))
        return Reply(f"Well.\nAnswer: {self.answer}")


def solved(personality: Personality) -> list[Solution]:
    with endpoint(personality) as there:
        asked = models(there.url)
        writer = Forward(models=asked)
        assert isinstance(writer, ForwardWriter)
        return make(
            asked,
            "one",
            lambda: writer.solve(SHORT_ONE, backend=library(), knowledge=KNOWLEDGE, rng=Random(0), seed=0),
        )


def test_a_task_written_first_and_solved_then_refers_to_what_its_calls_returned() -> None:
    [found] = solved(Inventor('In which town lives the borrower of "Salt Roads"?', "lund"))
    task = found.task
    assert (task.answer.value, task.provenance.synthesizer) == ("Lund", "forward")
    assert [one.tool for one in task.gold_calls] == ["list_books", "get_reader"]
    reference = task.gold_calls[1].references["reader_id"]
    assert [(one.field, one.value) for one in reference.where] == [(("title",), "Salt Roads")]
    assert task.provenance.exploration == found.exploration.id
    assert not match(task, found.exploration.recording.steps).fault


@pytest.mark.parametrize("answer", ["Bergen", "", "I can't tell"])
def test_an_answer_that_no_call_returned_makes_no_task(answer: str) -> None:
    assert solved(Inventor("In which town lives the borrower of that book?", answer)) == []


@pytest.mark.parametrize("name", sorted(ALL_BAD))
def test_no_bad_model_crashes_the_usual_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firefly.lm.engine.backoff", lambda attempt, asked: 0.0)
    import dspy

    try:
        found = solved(ALL_BAD[name](Inventor('In which town lives the borrower of "Salt Roads"?', "Lund")))
    except dspy.LMError:
        return
    for one in found:
        outputs = match(one.task, one.exploration.recording.steps).outputs
        assert agrees(one.task.answer, evaluate(one.task.expression, outputs))


# --- distractors, states ----------------------------------------------------------------------


def test_distractors_add_servers_and_nothing_else() -> None:
    task = writes(competent(), backward, [SHORT_ONE])[0][0]
    more = with_distractors(task, KNOWLEDGE, 1, Random(0))
    assert set(more.servers) - set(task.servers) == {"numbers"}
    assert more.model_dump(exclude={"id", "servers"}) == task.model_dump(exclude={"id", "servers"})
    assert with_distractors(task, Knowledge([]), 3, Random(0)) == task


def test_a_prompt_takes_the_state_that_an_optimiser_saved_but_not_its_model(tmp_path: Path) -> None:
    def prompt(asked: Models, **more: Any) -> Prompt:
        outputs = {"answer": (str, "the answer")}
        return Prompt(
            asked, "writer", instructions="Be brief.", inputs={"q": "asked"}, outputs=outputs, **more
        )

    state = tmp_path / "state.json"
    with endpoint(Agent({"answer": lambda chat: "42"})) as there:
        asked = models(there.url)
        module = prompt(asked).module
        module.signature = module.signature.with_instructions("Take your time.")
        module.save(state)
        plain = json.loads(state.read_text())
        plain["lm"] = {"model": "openai/other", "model_type": "chat"}
        state.write_text(json.dumps(plain))
        tuned = prompt(asked, state=state)
        assert make(asked, "one", lambda: tuned.ask(q="?").answer) == "42"
        assert "Take your time." in there.requests[0].text
        assert there.requests[0].body["model"] == "test-model"
        for wrong in ("state.pkl", "none.json"):
            with pytest.raises(ConfigError, match="is no JSON file"):
                prompt(asked, state=tmp_path / wrong)
        state.write_text("{}")
        with pytest.raises(ConfigError, match="no state of this prompt"):
            _ = prompt(asked, state=state).module


def test_another_state_makes_items_anew(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    described = {"_target_": "firefly.synthesis.backward.Backward", "state": str(state), "tasks": 2}
    assert states_of(described) == {}
    state.write_text("{}")
    first = states_of(described)
    state.write_text("{ }")
    assert first.keys() == {"state"} and states_of(described) != first
