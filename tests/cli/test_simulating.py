"""`milepost simulate` and `milepost backtest`, as their users meet them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.small_project import Small

PLAYBOOK = "playbooks/onboarding/welcome.yaml"
MAP = "playbooks/map.yaml"
BOUGHT = ("--milestone", "purchase@0d:revenue=49")


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Small:
    return Small(tmp_path, capsys)


def test_a_timeline_is_json_lines_without_what_there_is_not(small: Small) -> None:
    lines = small.lines("simulate", "welcome", *BOUGHT, "--milestone", "first_use@2dT14:30")
    assert lines[0] == {"at": "2026-01-05T10:00:00+01:00", "day": 0, "what": "entered"}
    assert lines[1]["template"] == "hello"
    assert lines[2]["to"] == "2026-01-08T10:00:00+01:00"
    assert (lines[3]["what"], lines[3]["at"], lines[3]["day"]) == ("milestone", "2026-01-07T14:30:00+01:00", 2)
    assert [line["what"] for line in lines] == ["entered", "sent", "waiting", "milestone", "sent", "finished"]


def test_times_are_those_of_the_customer(small: Small) -> None:
    lines = small.lines("simulate", "welcome", *BOUGHT, "--set", "time_zone=America/New_York")
    assert lines[0]["at"] == "2026-01-05T04:00:00-05:00"
    later = small.lines("simulate", "welcome", *BOUGHT, "--start", "2026-07-01T08:15")
    assert later[0]["at"] == "2026-07-01T08:15:00+02:00"
    assert small.lines("simulate", "welcome", *BOUGHT, "--start", "2026-07-01T08:15Z")[0]["at"][11:16] == "10:15"


def test_people_read_days_and_words(small: Small) -> None:
    code, printed, _ = small.milepost("simulate", "welcome", *BOUGHT)
    assert code == 0
    assert "Ada's journey through welcome" in printed
    assert "day   0   Mon  5 Jan 2026, 10:00   entered" in printed
    assert "for first_use, until Thu 8 Jan, 10:00 at most" in printed
    assert "Call (for customer.plan)" in printed


def test_without_milestones_the_entry_happens_at_the_start(small: Small) -> None:
    small.change(PLAYBOOK, ", if: event.revenue > 0", "")
    assert small.lines("simulate", "welcome")[0]["what"] == "entered"


def test_messages_that_cannot_be_made_are_refused_as_they_would_be(small: Small) -> None:
    small.change(PLAYBOOK, ", if: event.revenue > 0", "")
    refused = small.lines("simulate", "welcome")[1]
    assert refused["what"] == "refused"
    assert "event.revenue" in refused["reason"]


def test_consent_is_assumed_unless_it_is_asked_for(small: Small) -> None:
    strict = small.lines("simulate", "welcome", *BOUGHT, "--strict-consent")
    assert (strict[1]["what"], strict[1]["reason"]) == ("refused", "no-consent")
    agreed = small.lines("simulate", "welcome", *BOUGHT, "--strict-consent", "--set", "consent=tips")
    assert agreed[1]["what"] == "sent"
    nowhere = small.lines(
        "simulate", "welcome", *BOUGHT, "--strict-consent", "--set", "consent=tips", "--set", "email="
    )
    assert nowhere[1]["reason"] == "no-address"


def test_who_never_entered_is_told_why(small: Small) -> None:
    code, printed, told = small.milepost("simulate", "welcome", "--milestone", "purchase@0d:revenue=0")
    assert (code, printed) == (1, "")
    assert told == "milepost: the customer never entered welcome: the entry asks for: event.revenue > 0\n"
    code, _, told = small.milepost("simulate", "welcome", "--milestone", "first_use@0d")
    assert code == 1
    assert "`purchase` never happened" in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("welcom",), "there is no playbook `welcom`; did you mean `welcome`?"),
        (("welcome", "--milestone", "purchas@1d"), "there is no milestone `purchas`; did you mean `purchase`?"),
        (("welcome", "--milestone", "purchase@x"), "cannot be read; write NAME@3d"),
        (("welcome", "--milestone", "purchase@1d:revenu=3"), "no property of purchase `revenu`; did you mean"),
        (("welcome", "--milestone", "purchase@1d:revenue=much"), "`revenue` is a number"),
        (("welcome", "--milestone", "purchase@1d:revenue=inf"), "`revenue` is a number"),
        (("welcome", "--milestone", "purchase@1dT25:00"), "is not a clock time"),
        (("welcome", "--milestone", "purchase@9999d"), "more than ten years ahead"),
        (("welcome", "--milestone", "message.clicked@1d:of=helo"), "no send step `helo`; did you mean `hello`?"),
        (("welcome", "--set", "plan"), "cannot be read; write for example"),
        (("welcome", "--set", "plann=pro"), "there is no attribute `plann`; did you mean `plan`?"),
        (("welcome", "--set", "plan=gold"), "is one of free, pro"),
        (("welcome", "--set", "closed=perhaps"), "is true or false"),
        (("welcome", "--set", "renews_on=2026-02-30"), "is a date"),
        (("welcome", "--set", "time_zone=Paris"), "is not a time zone"),
        (("welcome", "--set", "stage=adoptor"), "there is no stage `adoptor`; did you mean `adopter`?"),
        (("welcome", "--set", "consent=tipps"), "there is no topic `tipps`; did you mean `tips`?"),
        (("welcome", "--set", "email="), "goes with --strict-consent"),
        (("welcome", "--start", "tomorrow"), "is not a time"),
        (("welcome", "--start", "9999-12-31"), "between 1970 and 2199"),
    ],
)
def test_a_wrong_call_is_one_sentence(small: Small, arguments: tuple[str, ...], sentence: str) -> None:
    code, printed, told = small.milepost("simulate", *arguments)
    assert (code, printed) == (2, "")
    assert sentence in told
    assert len(told.splitlines()) == 1


def log(*calls: Mapping[str, object] | str) -> str:
    return "".join((call if isinstance(call, str) else json.dumps(call)) + "\n" for call in calls)


def bought(user: str, day: int, revenue: float) -> dict[str, object]:
    at = f"2026-03-{day:02d}T12:00:00Z"
    properties = {"revenue": revenue}
    return {"type": "track", "userId": user, "event": "Order Completed", "timestamp": at, "properties": properties}


def test_a_log_is_counted_by_playbook_step_month_and_exit(small: Small) -> None:
    used = {"type": "track", "userId": "ada", "event": "first_use", "timestamp": "2026-03-31T12:00:00Z"}
    named = {"type": "identify", "userId": "bea", "traits": {"plan": "pro"}, "timestamp": "2026-03-01T12:00:00Z"}
    events = small.write(
        "events.jsonl", log(bought("ada", 30, 5), named, bought("bea", 30, 5), bought("cem", 3, 0), used)
    )
    code, data = small.data("backtest", str(events))
    assert code == 0
    assert data == {
        "customers": 3,
        "events": 5,
        "playbooks": {
            "welcome": {
                "entered": 2,
                "messages": {"hello": {"2026-03": 2}, "well-done": {"2026-03": 1}},
                "exits": {"finished": 2},
                "busiest": {"date": "2026-03-30", "messages": 2},
            }
        },
    }
    assert "welcome: 2 customers entered, 3 messages" in small.milepost("backtest", str(events))[1]


def test_events_of_one_instant_count_in_the_order_of_the_log(small: Small) -> None:
    steps = "playbook: again\nstage: adopter\nentry: second\nsteps: [{send: well-done}]\n"
    small.write("playbooks/adopter/again.yaml", steps)
    events = small.write("events.jsonl", log(*[bought("ada", 3, 5)] * 2, bought("bea", 3, 5)))
    data = small.data("backtest", str(events))[1]
    assert (data["events"], data["playbooks"]["again"]["entered"]) == (3, 1)


def test_bad_lines_are_told_with_their_number_and_the_others_count(small: Small) -> None:
    good = bought("ada", 3, 5)
    events = small.write(
        "events.jsonl",
        log(good, "{", good | {"userId": None}, "", good | {"timestamp": "2026-02-30T12:00:00Z"}, "[]", "NaN",
            {k: v for k, v in good.items() if k != "timestamp"}, good | {"event": ""}, good | {"type": "page"},
            good | {"properties": [1]}, '"\\ud800"', good).encode() + b"\xff\n",
    )  # fmt: skip
    code, printed, told = small.milepost("backtest", str(events), "--format", "json")
    assert code == 1
    assert json.loads(printed)["events"] == 2
    numbers = [line.split(":")[1] for line in told.splitlines() if line.startswith(str(events))]
    assert numbers == ["2", "3", "5", "6", "7", "8", "9", "10", "11", "12", "14"]
    assert f"{events}:5: its `timestamp` is not a date and time with an offset" in told
    assert "11 lines could not be used; 2 were" in told


def test_one_playbook_can_be_asked_for(small: Small) -> None:
    events = small.write("events.jsonl", log(bought("ada", 3, 5)))
    assert list(small.data("backtest", str(events), "--playbook", "welcome")[1]["playbooks"]) == ["welcome"]
    assert small.milepost("backtest", str(events), "--playbook", "welcom")[0] == 2
    assert small.milepost("backtest", str(small.root / "none.jsonl"))[0] == 2
    assert small.milepost("backtest", str(small.root))[0] == 2


CDNOW = Path(__file__).parents[3] / "shared" / "data" / "cdnow_sample.jsonl"


@pytest.mark.skipif(not CDNOW.is_file(), reason="the real histories are not beside this checkout")
def test_real_histories_are_all_counted(capsys: pytest.CaptureFixture[str]) -> None:
    from cli.main import run

    assert run(["backtest", str(CDNOW), "--project", str(Path(__file__).parents[2]), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["customers"], data["events"]) == (2357, 6919)
    assert data["playbooks"]["first-90-days"]["entered"] == 2349
