"""The stage: order of checks, selection among survivors, re-execution, verdicts and the funnel."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from firefly.protocols import Check, Trial
from firefly.records import CheckResult, Verdict
from firefly.replay.records import Answer, Expression, Observation, Recording, Task
from firefly.replay.tool_set import ToolSet
from firefly.verification import Reexecuted, funnel, reexecute, verify
from firefly.verification.replay import ReExecution, Replay, ShiftedClock
from firefly.verification.rule import LIVE, PURE, SELECTION, Rule
from firefly.verification.selection import Caps, Dedup
from firefly.verification.sources import Provenance
from tests.function_servers import FunctionServers
from tests.library_servers import EXPLORATION, READERS, TASK, gold, known, library, task


class Says(Rule):
    """A check that says the same of every task, or what a table says by task id."""

    def __init__(
        self, name: str, status: Any = "pass", *, cost: int = PURE, required: bool = True, **by_task: Any
    ) -> None:
        super().__init__(required=required)
        self.name, self.status, self.cost, self.by_task = name, status, cost, by_task  # type: ignore[misc]
        self.seen: list[str] = []
        self.survivors: frozenset[str] = frozenset()

    def check(self, task: Task, trial: Trial) -> CheckResult:
        self.seen.append(task.id)
        self.survivors = trial.surviving
        return self.result(self.by_task.get(task.id, self.status))


def judged(
    tasks: Sequence[Task], *checks: Check, servers: FunctionServers | None = None, **options: Any
) -> list[Verdict]:
    knowledge = known((EXPLORATION,))

    def again(left: Sequence[Task], days: int = 0) -> Reexecuted:
        return Reexecuted(executed(left, servers or library()))

    return verify(
        tasks,
        checks=checks,
        simulator=options.get("simulator", library()),
        knowledge=knowledge,
        explorations={EXPLORATION.id: EXPLORATION},
        reexecute=options.get("again", again),
    )


def executed(tasks: Sequence[Task], servers: FunctionServers, seed: int = 0) -> dict[str, Recording]:
    tools = ToolSet.of(known().tools.values())
    sets = {tools.servers: tools}
    return reexecute(tasks, fresh=servers, tool_sets=sets, knowledge=known(), rng=Random(seed), seed=0)


def variant(number: int, **changes: Any) -> Task:
    """Another task about something else."""
    fields = {
        "question": f"Question {number}?",
        "answer": Answer(type="number", value=1000 + number),
        **changes,
    }
    return task(**fields)


def test_a_task_is_verified_when_every_required_check_passes_or_does_not_apply() -> None:
    good = task()
    (verdict,) = judged(
        [good],
        Says("a"),
        Says("b", "not_applicable"),
        Says("c", "fail", required=False),
        Says("d", "unknown", required=False),
    )
    assert verdict.verified and [result.check for result in verdict.results] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("status", ["fail", "unknown"])
def test_a_required_check_that_fails_or_does_not_know_rejects(status: str) -> None:
    (verdict,) = judged([task()], Says("a", status), Says("b"))
    assert not verdict.verified and len(verdict.results) == 2


def test_checks_run_cheapest_first_and_later_ones_see_survivors_only() -> None:
    one, two = variant(1), variant(2)
    late, early = Says("late", cost=SELECTION), Says("early", **{one.id: "fail"})
    verdicts = {verdict.task: verdict for verdict in judged([one, two], late, early)}
    assert [result.check for result in verdicts[two.id].results] == ["early", "late"]
    assert late.seen == [two.id] and late.survivors == {two.id}
    assert sorted(early.seen) == sorted([one.id, two.id])


def test_a_check_that_breaks_is_unknown_and_the_others_go_on() -> None:
    class Broken(Rule):
        name = "broken"

        def check(self, task: Task, trial: Trial) -> CheckResult:
            raise KeyError("nothing here")

    (verdict,) = judged([task()], Broken(), Says("b"))
    assert [result.status for result in verdict.results] == ["unknown", "pass"] and not verdict.verified
    assert "KeyError" in str(verdict.results[0].evidence)


def test_a_task_of_an_unknown_exploration_is_rejected() -> None:
    lost = task(provenance={"exploration": "gone", "synthesizer": "hand"})
    (verdict,) = judged([lost], Says("a"))
    assert not verdict.verified and verdict.results[0].check == "exploration"


def test_only_survivors_are_executed_again_and_once() -> None:
    one, two = variant(1), variant(2)
    calls: list[list[str]] = []

    def again(tasks: Sequence[Task], days: int) -> Reexecuted:
        calls.append([task.id for task in tasks])
        return Reexecuted(why_not={task.id: "no servers here" for task in tasks})

    judged([one, two], Says("a", **{one.id: "fail"}), Says("live", cost=LIVE), ReExecution(), again=again)
    assert calls == [[two.id]]


def test_re_execution_passes_on_the_same_answer() -> None:
    (verdict,) = judged([task()], Provenance(), ReExecution())
    assert verdict.verified


def test_re_execution_fails_on_another_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = library()

    def list_branches(town: str) -> Any:
        return {"branches": [{"name": "Only", "loans": 1}]}

    servers.functions[("readers", "list_branches")] = list_branches
    (verdict,) = judged([task()], ReExecution(), servers=servers)
    assert verdict.results[0].status == "fail" and "comes out as 1" in str(verdict.results[0].evidence)


def test_re_execution_takes_references_from_the_fresh_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS["R-29"], "town", "Turin")
    servers = library()
    (verdict,) = judged([task()], ReExecution(), servers=servers)
    assert "Turin" in [call.arguments.get("town") for call in servers.calls]
    assert verdict.results[0].status == "fail" and "434" in str(verdict.results[0].evidence)


def test_re_execution_does_not_know_what_was_not_executed() -> None:
    (verdict,) = judged([task()], ReExecution(), again=lambda tasks, days: Reexecuted())
    assert verdict.results[0].status == "unknown"


def test_re_execution_does_not_know_after_a_time_out() -> None:
    class Slow(FunctionServers):
        def episode(self, tool_set: ToolSet, seed: int = 0) -> Any:
            episode = super().episode(tool_set, seed)
            plain = episode.call

            def call(made: Any) -> Observation:
                plain(made)
                late = Observation(outcome="transient", reason="timed out")
                episode.steps[-1] = episode.steps[-1].model_copy(update={"observation": late})
                return late

            episode.call = call  # type: ignore[method-assign]
            return episode

    (verdict,) = judged([task()], ReExecution(), servers=Slow({("readers"): []} | _functions()))
    assert verdict.results[0].status == "unknown" and "timed out" in str(verdict.results[0].evidence)


def _functions() -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for (server, _), function in library().functions.items():
        found.setdefault(server, []).append(function)
    return found


def test_recordings_do_not_depend_on_the_order_or_on_the_others() -> None:
    tasks = [variant(number) for number in range(6)]
    first, second = executed(tasks, library(), seed=1), executed(tasks, library(), seed=2)
    assert first == second and sorted(first) == sorted(task.id for task in tasks)
    assert executed(tasks[:1], library())[tasks[0].id] == first[tasks[0].id]


def test_all_read_only_tasks_of_a_tool_set_share_one_episode() -> None:
    class Counting(FunctionServers):
        episodes = 0

        def episode(self, tool_set: ToolSet, seed: int = 0) -> Any:
            self.episodes += 1
            return super().episode(tool_set, seed)

    servers = Counting(_functions())
    executed([variant(number) for number in range(5)], servers)
    assert servers.episodes == 1


def test_a_task_goes_to_the_smallest_tool_set_that_has_its_servers() -> None:
    tools = ToolSet.of(known().tools.values())
    small = ToolSet.of(tool for tool in tools.tools if tool.server != "numbers")
    done = reexecute(
        [task()],
        fresh=library(),
        tool_sets={tools.servers: tools, small.servers: small, ("numbers",): ToolSet(tools=())},
        knowledge=known(),
        rng=Random(0),
        seed=0,
    )
    assert list(done) == [task().id]
    lone = {("numbers",): small}
    nothing = reexecute([task()], fresh=library(), tool_sets=lone, knowledge=known(), rng=Random(0), seed=0)
    assert nothing == {}


def test_of_duplicates_the_first_by_id_is_kept() -> None:
    twins = [task(question=f"Words {number}?") for number in range(4)]
    verdicts = judged(twins, Dedup())
    assert [verdict.verified for verdict in verdicts] == [True, False, False, False]
    same_words = [task(), task(expression=Expression(op="count", call="c3", path=("branches",)))]
    assert sum(verdict.verified for verdict in judged(same_words, Dedup())) == 1
    others = [
        task(),
        task(question="Other?", expression=Expression(op="count", call="c3", path=("branches",))),
    ]
    assert all(verdict.verified for verdict in judged(others, Dedup()))


def test_a_rejected_twin_does_not_cost_the_sound_one_its_place() -> None:
    twins = sorted([task(question="One?"), task(question="Two?")], key=lambda one: one.id)
    verdicts = judged(twins, Says("a", **{twins[0].id: "fail"}), Dedup())
    assert [verdict.verified for verdict in verdicts] == [False, True]


def test_caps_limit_selectors_and_sequences() -> None:
    def number(index: int, op: str = "sum") -> Task:
        expression = {**TASK["expression"].model_dump(), "op": op, "field": (f"f{index}",)}
        return variant(index, expression=expression)

    sums = [number(index) for index in range(9)]
    assert sum(one.verified for one in judged(sums, Caps(per_selector=2, per_sequence=5))) == 2
    mixed = [
        *sums,
        *(number(index, "max") for index in range(9)),
        *(number(index, "min") for index in range(9)),
    ]
    assert sum(one.verified for one in judged(mixed, Caps(per_selector=2, per_sequence=5))) == 5


def test_caps_limit_a_server_that_has_most_of_the_tasks() -> None:
    def of(server: str, index: int) -> Task:
        calls = ({"id": "c1", "server": server, "tool": f"tool_{index}", "arguments": {}},)
        expression = {**TASK["expression"].model_dump(), "call": "c1"}
        return variant(index, gold_calls=calls, servers=(server,), expression=expression)

    tasks = [*(of("big", index) for index in range(60)), *(of(f"s{index}", index) for index in range(20))]
    caps = Caps(server_share=0.5, at_least=10)
    kept = {verdict.task for verdict in judged(tasks, caps) if verdict.verified}
    big = [one for one in tasks if one.id in kept and one.servers == ("big",)]
    assert len(kept) == 40 and len(big) == 20
    assert judged(tasks, Caps(server_share=0.5, at_least=10)) == judged(tasks[::-1], caps)
    assert sum(one.verified for one in judged(tasks[:60], caps)) == 60


def test_caps_keep_the_longer_of_two_ways_to_one_datum() -> None:
    answer = Answer(type="number", value=332)
    short = variant(
        1,
        answer=answer,
        gold_calls=(TASK["gold_calls"][2].model_copy(update={"id": "c1", "references": {}}),),
        expression={**TASK["expression"].model_dump(), "call": "c1"},
    )
    long = variant(2, answer=answer)
    verdicts = {one.task: one.verified for one in judged([short, long], Caps())}
    assert verdicts == {short.id: False, long.id: True}
    other = variant(3, answer=Answer(type="number", value=333))
    assert all(one.verified for one in judged([long, other], Caps()))
    both = Caps(per_datum=2, guess_share=1.0, guess_family_share=1.0)
    assert all(one.verified for one in judged([short, long], both))


def test_the_funnel_counts_first_and_all_rejections() -> None:
    one, two, three = variant(1), variant(2), variant(3)
    verdicts = judged(
        [one, two, three],
        Says("a", **{one.id: "fail"}),
        Says("b", **{one.id: "fail", two.id: "unknown"}),
        Says("c", "fail", required=False),
    )
    counts = funnel(verdicts)
    assert counts["a"] == {"seen": 3, "first": 1, "any": 1, "unknown": 0, "not_applicable": 0}
    assert counts["b"] == {"seen": 3, "first": 1, "any": 2, "unknown": 1, "not_applicable": 0}
    assert counts["c"]["first"] == 0 and counts["c"]["any"] == 3
    assert sum(row["first"] for row in counts.values()) == sum(not verdict.verified for verdict in verdicts)


MUTATIONS = {
    "wrong answer": ({"answer": Answer(type="number", value=331)}, {"provenance"}),
    "leaked answer": ({"question": f"{TASK['question']} (332?)"}, {"leakage"}),
    "leaked value": ({"question": f"{TASK['question']} (Leeds)"}, {"leakage", "flow"}),
    "swapped reference": (
        {"gold_calls": gold(3, references={"town": Expression(op="value", call="c2", path=("joined",))})},
        {"provenance"},
    ),
    "dropped call": ({"gold_calls": TASK["gold_calls"][1:]}, {"schema", "provenance"}),
    "literal instead of reference": ({"gold_calls": gold(3, references={})}, {"necessity"}),
    "position": (
        {
            "gold_calls": gold(
                2, references={"reader_id": Expression(op="value", call="c1", path=("books", 4, "lent_to"))}
            )
        },
        {"uniqueness"},
    ),
    "unknown tool": ({"gold_calls": gold(2, tool="get_author")}, {"schema", "provenance", "safety"}),
    "bad argument": ({"gold_calls": gold(1, arguments={"limit": []})}, {"provenance"}),
    "tool named": ({"question": f"{TASK['question']} Call get_reader."}, {"leakage"}),
    "wrong servers": ({"servers": ("catalogue",)}, {"schema"}),
}


@pytest.mark.parametrize("mutation", sorted(MUTATIONS))
def test_a_corrupted_task_is_rejected_by_the_check_meant_for_it(mutation: str) -> None:
    from pathlib import Path

    import yaml

    from firefly.components import build, wanting

    changes, intended = MUTATIONS[mutation]
    folder = Path(__file__).parents[2] / "conf" / "checks"
    described = [yaml.safe_load(file.read_text()) for file in sorted(folder.glob("*.yaml"))]
    checks = [build(one) for one in described if not wanting(one, "models")]
    knowledge = known((EXPLORATION,))
    from firefly.replay.simulator import StrictSimulator
    from firefly.simulation import freeze

    simulator = StrictSimulator(
        freeze(
            listings=knowledge.listings.values(),
            profiles=knowledge.profiles.values(),
            recordings=knowledge.recordings,
        )
    )
    (good,) = judged([task()], *checks, simulator=simulator)
    assert good.verified, [result for result in good.results if result.status != "pass"]
    (verdict,) = judged([task(**changes)], *checks, simulator=simulator)
    rejecting = {result.check for result in verdict.results if result.status in ("fail", "unknown")}
    assert not verdict.verified and intended <= rejecting


def test_every_built_in_check_has_a_config_and_all_but_the_advisory_ones_are_required() -> None:
    from pathlib import Path

    import yaml

    from firefly.components import build, faults
    from firefly.lm.models import Models, Settings
    from firefly.protocols import AsksModels

    folder = Path(__file__).parents[2] / "conf" / "checks"
    for file in sorted(folder.glob("*.yaml")):
        text = file.read_text()
        described = yaml.safe_load(text)
        assert text.startswith(f"# @package checks.{file.stem}\n") and not faults(described)
        check = build(described, {"models": Models(Settings.of({}))})
        assert isinstance(check, Check) and check.name == file.stem
        advisory = {"shifted_clock", "sensitivity", "judge", "ambiguity", "blind_solver", "blind_solver_live"}
        assert check.required == (file.stem not in advisory)
        assert isinstance(check, AsksModels) == ("LLM check" in text or file.stem == "judge_only")


def test_replay_and_re_execution_agree_on_the_library() -> None:
    (verdict,) = judged([task()], Replay(), ReExecution())
    assert verdict.verified


def test_a_task_that_changes_something_has_an_episode_of_its_own() -> None:
    class Counting(FunctionServers):
        episodes = 0

        def episode(self, tool_set: ToolSet, seed: int = 0) -> Any:
            self.episodes += 1
            return super().episode(tool_set, seed)

    servers = Counting(_functions())
    knowledge = known(effect="write")
    tools = ToolSet.of(knowledge.tools.values())
    reexecute(
        [variant(number) for number in range(3)],
        fresh=servers,
        tool_sets={tools.servers: tools},
        knowledge=knowledge,
        rng=Random(0),
        seed=0,
    )
    assert servers.episodes == 3


def test_the_shifted_clock_is_asked_for_and_rejects_nothing_by_itself() -> None:
    clocks: list[int] = []
    other = library()

    def list_branches(town: str) -> Any:
        return {"branches": [{"name": "Only", "loans": 1}]}

    other.functions[("readers", "list_branches")] = list_branches

    def again(tasks: Sequence[Task], days: int) -> Reexecuted:
        clocks.append(days)
        return Reexecuted(executed(tasks, other if days else library()))

    (verdict,) = judged([task()], ReExecution(), ShiftedClock(days=30), again=again)
    results = {result.check: result for result in verdict.results}
    assert clocks == [0, 30] and verdict.verified
    assert results["shifted_clock"].status == "fail" and not results["shifted_clock"].required
    (verdict,) = judged([task()], ReExecution(), ShiftedClock(required=True), again=again)
    assert not verdict.verified


def test_where_the_clock_cannot_be_shifted_the_check_knows_nothing_and_says_why() -> None:
    def again(tasks: Sequence[Task], days: int) -> Reexecuted:
        if days:
            return Reexecuted(why_not={one.id: "libfaketime is not installed" for one in tasks})
        return Reexecuted(executed(tasks, library()))

    (verdict,) = judged([task()], ReExecution(), ShiftedClock(), again=again)
    assert verdict.verified and verdict.results[-1].status == "unknown"
    assert verdict.results[-1].evidence["why"] == "libfaketime is not installed"


def test_where_live_servers_reject_a_chosen_task_the_choice_is_made_anew() -> None:
    class First(Rule):
        """Keeps the first of the survivors."""

        name = "first"
        cost = SELECTION

        def check(self, task: Task, trial: Trial) -> CheckResult:
            return self.result("pass" if task.id == min(trial.surviving) else "fail")

    one, two = sorted((variant(1), variant(2)), key=lambda task: task.id)
    calls: list[list[str]] = []

    def again(tasks: Sequence[Task], days: int) -> Reexecuted:
        calls.append([task.id for task in tasks])
        return Reexecuted()

    live = Says("live", cost=LIVE, **{one.id: "fail"})
    verdicts = judged([one, two], Says("a"), First(), live, again=again)
    assert [verdict.verified for verdict in verdicts] == [False, True]
    assert [result.check for result in verdicts[0].results] == ["a", "first", "live"]
    assert [result.status for result in verdicts[1].results] == ["pass", "pass", "pass"]
    assert calls == [[one.id], [two.id]]
