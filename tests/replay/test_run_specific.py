"""Values that a server draws anew in every run: one run's are handed out, and what all runs did with them."""

from __future__ import annotations

from random import Random

from firefly.replay.freezing import make_cassette
from firefly.replay.simulator import StrictSimulator
from tests.replay.drawing import (
    DERIVING,
    SESSIONS,
    Act,
    acts,
    derived,
    deriving_acts,
    live,
    made,
    named,
    recorded,
    replayed,
)


def simulator(episodes: list[list[Act]], **claims: object) -> StrictSimulator:
    reads = {"reads": SESSIONS.reads} | claims
    return StrictSimulator(make_cassette(SESSIONS.tool_set.tools, recorded(episodes), **reads))  # type: ignore[arg-type]


OPEN: Act = ("open", {"name": "a"})
GET: Act = ("get", {"session": "#1", "k": "x"})


def put(value: int) -> Act:
    return ("put", {"session": "#1", "k": "x", "v": value})


def test_an_identifier_that_the_simulator_hands_out_works_in_what_any_recording_did_with_it() -> None:
    found = simulator([[OPEN, put(1), GET]] * 5 + [[OPEN, put(2), GET]])
    for value in (1, 2):
        doing = [OPEN, put(value), GET]
        answers = replayed(found, doing)
        assert [one.outcome for one in answers] == ["success"] * 3
        assert answers[2].text == str(value)
        assert named(answers) == named([step.observation for step in live(doing)])


def test_two_sessions_of_one_episode_are_two() -> None:
    doing: list[Act] = [OPEN, OPEN, put(1), ("get", {"session": "#2", "k": "x"}), GET, ("list", {})]
    answers = replayed(simulator([doing] * 3), doing)
    assert named(answers) == named([step.observation for step in live(doing)])
    assert [answers[3].text, answers[4].text] == ["nothing", "1"]


def test_an_identifier_that_one_recording_alone_shows_is_not_handed_out() -> None:
    doing = [OPEN, put(1), GET]
    recordings = recorded([doing])
    found = StrictSimulator(make_cassette(SESSIONS.tool_set.tools, recordings, reads=SESSIONS.reads))
    assert replayed(found, [OPEN])[0].outcome == "miss"  # nothing says that another run would get it, too


def test_another_runs_identifier_is_no_name_of_this_one() -> None:
    recordings = recorded([[OPEN, put(1), GET]] * 4)
    found = StrictSimulator(make_cassette(SESSIONS.tool_set.tools, recordings, reads=SESSIONS.reads))
    handed = replayed(found, [OPEN])[0].text
    for recording in recordings:
        if recording.steps[0].observation.text != handed:
            with found.episode(SESSIONS.tool_set) as episode:
                episode.call(recording.steps[0].call)
                assert episode.call(recording.steps[1].call).outcome == "miss"


def test_a_tool_that_looks_into_the_identifier_answers_only_as_the_run_that_lent_it() -> None:
    letter: Act = ("letter", {"session": "#1"})
    episodes = [[OPEN, letter] for _ in range(6)] + [[OPEN, put(1), GET, GET, GET]]
    found = simulator(episodes)
    handed, *rest = replayed(found, [OPEN, letter])
    assert rest[0].outcome == "miss" or rest[0].text == f"begins with {handed.text[9]}"
    assert replayed(found, [OPEN, put(1), GET])[2].text == "1"


def test_a_tool_given_as_volatile_is_replayed_once_all_that_varied_is_drawn() -> None:
    episodes = [[OPEN, put(1), GET]] * 3
    found = simulator(episodes, volatile={("s", "open")})
    assert len(replayed(found, [OPEN, put(1), GET])) == 3
    rule = found.cassette.tools[("s", "open")].rule
    assert rule.volatile == () and "run_specific" in rule.evidence


def test_held_out_episodes_are_never_answered_wrongly_and_far_more_often_than_without() -> None:
    wrong = hits = calls = 0
    for seed in range(2):
        rng = Random(seed)
        episodes = [acts(rng, 6) for _ in range(60)]
        found = simulator(episodes)
        for doing in [acts(rng, 6) for _ in range(30)]:
            answers = replayed(found, doing)
            if answers[-1].outcome == "miss":
                answers.pop()
            truth = [step.observation for step in live(doing)]
            calls += len(doing)
            hits += len(answers)
            for one, other, act in zip(named(answers), named(truth), doing, strict=False):
                wrong += one != other and act[0] != "letter"
            for act, answer in zip(doing, answers, strict=False):
                if act[0] == "letter":
                    sessions = [one.text for one, a in zip(answers, doing, strict=False) if a[0] == "open"]
                    session = sessions[int(act[1]["session"][1:]) - 1]
                    wrong += answer.text != f"begins with {session[9]}"
    assert wrong == 0
    assert hits > 0.3 * calls, (hits, calls)


def test_what_a_server_derives_from_what_it_drew_is_never_made_up() -> None:
    answered = 0
    for seed in range(3):
        rng = Random(seed)
        recordings = recorded([deriving_acts(rng, 5) for _ in range(50)], DERIVING)
        for reads in (DERIVING.reads, frozenset()):
            found = StrictSimulator(make_cassette(DERIVING.tool_set.tools, recordings, reads=reads))
            for doing in [deriving_acts(rng, 5) for _ in range(40)]:
                with found.episode(DERIVING.tool_set) as episode:
                    steps = made(doing, episode.call)
                sessions: list[str] = []
                children: dict[str, str] = {}
                for call, answer in steps:
                    if answer.outcome == "miss":
                        break
                    answered += 1
                    if call.tool in ("open", "child"):
                        sessions.append(answer.text.split()[-1])
                    wanted = derived(call.tool, call.arguments, list(dict.fromkeys(sessions)))
                    assert wanted in (None, answer.text), (seed, steps)
                    if call.tool == "child":
                        session = str(call.arguments["session"])
                        assert children.setdefault(session, answer.text) == answer.text
                    assert call.tool != "count" or answer.text == str(len(set(sessions)))
    assert answered > 250, answered
