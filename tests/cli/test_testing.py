"""`milepost test`: contradictions, what a failure shows, JUnit's XML, and rewriting expectations."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.small_project import FILES, Small

TESTS = "playbooks/onboarding/welcome.test.yaml"
PLAYBOOK = "playbooks/onboarding/welcome.yaml"


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Small:
    return Small(tmp_path, capsys)


def scenario(lines: str, given: str = "[{milestone: purchase, revenue: 5}]") -> str:
    head = "customer: {first_name: Ada}\nstart: 2026-03-02 10:00\nscenarios:\n"
    return f"{head}- name: one\n  given: {given}\n  {lines}\n"


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        ("expect: [{day: 0, send: hello}, {day: 3, end: finished}]\n  never: [well-done, hello]",
         "6:27: contradiction `hello` is expected here and forbidden by `never` in line 7; take it out of one of them"),
        ("expect_some: [{day: 0, send: hello}]\n  never: [hello]",
         "6:32: contradiction `hello` is expected here and forbidden by `never` in line 7"),
        ("expect: [{day: 0, send: hello}, {day: 3, task: Call}, {day: 2, end: finished}]",
         "6:57: out-of-order `day 2 end: finished` comes before the entry above it"),
        ('expect: [{day: 0, at: "10:00", send: hello}, {day: 0, at: "09:00", task: Call}]',
         "6:48: out-of-order `day 0 09:00 task: Call` comes before the entry above it"),
        ("expect_some: [{day: 3, task: Call}, {day: 0, send: hello}]",
         "6:39: out-of-order `day 0 send: hello` comes before the entry above it"),
        ("expect: [{day: 0, send: hello}, {day: 3, end: finished}, {day: 3, task: Call}]",
         "6:60: contradiction `day 3 task: Call` is expected after the end in line 6; nothing happens after the end"),
        ("expect: [{day: 0, send: hello}, {day: 3, end: finished}, {day: 3, end: goal}]",
         "6:74: contradiction this is a second end, and a journey ends once"),
        ("expect: [{day: 0, send: hello}, {day: 3, end: finished}]\n  expect_some: [{day: 3, task: Call}]",
         "7:17: contradiction `expect` is to list everything, and has no `day 3 task: Call` at this point"),
        ('expect: [{day: 0, at: "10:00", send: hello}]\n  expect_some: [{day: 0, at: "11:00", send: hello}]',
         "7:17: contradiction `expect` is to list everything, and has no `day 0 11:00 send: hello`"),
        ("expect: [{day: 0, send: hello, task: Call}]", "6:12: one-of what is expected is exactly one of `send`"),
        ("expect: [{day: 0}]", "6:12: one-of what is expected is exactly one of `send`"),
        ("expect: [{day: 0, task: Call, channel: sms}]", "6:12: one-of `channel` goes with `send`, and"),
        ("expect: [{day: 0, send: hello, channel: sms}]", "6:43: no-such-channel the template `hello` has no text for"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_one_sentence_at_its_place(small: Small, lines: str, finding: str) -> None:
    small.write(TESTS, scenario(lines))
    code, printed, _ = small.milepost("check")
    assert code == 1
    (told,) = [line for line in printed.splitlines() if line.startswith(TESTS)]
    assert told.startswith(f"{TESTS}:{finding}")
    code, _, told = small.milepost("test")
    assert code == 1
    assert f"{TESTS}:{finding}" in told
    before = (small.root / TESTS).read_bytes()
    code, _, told = small.milepost("test", "--update", "--yes")
    assert (code, (small.root / TESTS).read_bytes()) == (1, before)
    assert told.endswith("1 mistake to mend before anything is rewritten\n")


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        ("[{day: 2, milestone: purchase, revenue: 5}, {day: 1, milestone: first_use}]",
         "5:54: out-of-order this happens before what stands above it; write what is given in the order of time\n"),
        ('[{at: "12:00", milestone: purchase, revenue: 5}, {milestone: first_use}]',
         "order of time; without `at` it happens at 10:00, the time of `start`\n"),
        ("[{milestone: first_use}]",
         "6:12: contradiction nothing in `given` begins a journey, so that nothing can be expected; a journey begins"),
    ],
)  # fmt: skip
def test_what_is_given_in_vain_is_found(small: Small, given: str, finding: str) -> None:
    small.write(TESTS, scenario("expect: [{day: 0, send: hello}]", given))
    code, printed, _ = small.milepost("check")
    assert code == 1
    assert finding in printed


def test_two_scenarios_have_two_names(small: Small) -> None:
    small.change(TESTS, "name: does not use it", "name: uses it")
    assert f"{TESTS}:7:11: twice a scenario of this name stands already in line 4" in small.milepost("check")[1]


def test_several_journeys_may_go_back_to_day_0(small: Small) -> None:
    small.change(PLAYBOOK, "if: event.revenue > 0}", "if: event.revenue > 0, reentry: after_exit}")
    twice = "[{milestone: purchase, revenue: 5}, {day: 9, milestone: purchase, revenue: 5}]"
    journey = (
        "{day: 0, send: hello}, {day: 0, milestone: first_use}, {day: 0, send: well-done}, {day: 0, end: finished}"
    )
    given = twice.replace("}, {", "}, {milestone: first_use}, {", 1)
    small.write(
        TESTS,
        scenario(
            f"expect: [{journey}, {{day: 0, send: hello}}, {{day: 3, task: Call}}, {{day: 3, end: finished}}]", given
        ),
    )
    assert small.milepost("check")[0] == 0
    three = "{day: 0, end: finished}, {day: 0, end: finished}, {day: 0, end: finished}"
    small.write(TESTS, scenario(f"expect: [{three}]", twice))
    assert "these are 3 ends, and `given` begins 2 journeys at most" in small.milepost("check")[1]


def test_one_line_more_does_not_shift_the_others(small: Small) -> None:
    small.change(TESTS, "{day: 0, send: hello}, {day: 3, task: Call}", "{day: 0, send: hello}")
    _, printed, _ = small.milepost("test")
    assert printed.splitlines()[2:9] == [
        f"{TESTS}:9: does not use it",
        "  expected `day 3 end: finished`, and it was `day 3 10:00 task: Call`",
        "    expected                    actual",
        "    day 0        send: hello    day 0 10:00  send: hello (email)",
        "  >                             day 3 10:00  task: Call",
        "    day 3        end: finished  day 3 10:00  end: finished",
        "",
    ]


def test_a_scenario_without_a_journey_says_why(small: Small) -> None:
    small.change(TESTS, "given: [{milestone: purchase, revenue: 5}]\n    expect: [{day: 0, send: hello}, {day: 3",
                 "given: [{milestone: purchase, revenue: 0}]\n    expect: [{day: 0, send: hello}, {day: 3")  # fmt: skip
    assert "because no journey began (" in small.milepost("test")[1]


def test_a_playbook_that_only_others_enrol_in_can_be_tested(small: Small) -> None:
    small.change(PLAYBOOK, "entry: {milestone: purchase, if: event.revenue > 0}\n", "")
    small.write("templates/hello.email.html", FILES["templates/hello.email.html"].replace("{{ event.revenue }}", "it"))
    small.write(TESTS, scenario("expect: [{day: 0, send: hello}, {day: 2, send: well-done}, {day: 2, end: finished}]",
                                "[{day: 2, milestone: first_use}]"))  # fmt: skip
    code, printed, _ = small.milepost("test")
    assert code == 0
    assert "1 scenario passed" in printed


def test_a_failure_tells_of_the_way_to_change_what_is_expected(small: Small) -> None:
    small.change(PLAYBOOK, "timeout: 3 days", "timeout: 5 days")
    assert "Then `milepost test --update` rewrites what is expected.\n" in small.milepost("test")[2]


# --- JUnit -----------------------------------------------------------------------------------------------------------


def test_junit_has_a_suite_a_playbook_and_a_case_a_scenario(small: Small) -> None:
    small.change(TESTS, "- name: uses it", '- name: "uses <it> & \\"says\\" so\\x01"')
    small.write(TESTS, (small.root / TESTS).read_text().replace("{day: 3, task: Call}", "{day: 3, task: <Call>}"))
    small.write(
        "playbooks/onboarding/bare.yaml", "playbook: bare\nstage: onboarding\nentry: purchase\nsteps: [{send: hello}]\n"
    )
    file = small.root / "out" / "results.xml"
    code, printed, _ = small.milepost("test", "--junit", str(file))
    assert code == 1
    assert printed == small.milepost("test")[1]
    root = ET.parse(file).getroot()
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == (
        "testsuites", "3", "1", "0", "1",
    )  # fmt: skip
    bare, suite = sorted(root, key=lambda one: one.get("name", ""))
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("welcome", "2", "1")
    assert [child.tag for child in suite] == ["properties", "testcase", "testcase", "system-out"]
    assert {one.get("name"): one.get("value") for one in suite[0]}["branches gone through"] == "2 of 2"
    good, bad = suite.findall("testcase")
    assert good.get("name") == 'uses <it> & "says" so\N{REPLACEMENT CHARACTER}'
    assert (bad.get("classname"), bad.get("file"), bad.get("line")) == ("onboarding.welcome", TESTS, "7")
    (failure,) = bad
    assert failure.get("message") == "expected `day 3 task: <Call>`, and it was `day 3 10:00 task: Call`"
    assert "> day 3        task: <Call>   day 3 10:00  task: Call" in (failure.text or "")
    assert [child.tag for child in bare] == ["testcase"]
    assert bare[0][0].tag == "skipped"


def test_junit_shows_mistakes_as_errors(small: Small) -> None:
    small.change(PLAYBOOK, "send: hello", "send: helo")
    file = small.root / "results.xml"
    assert small.milepost("test", "--junit", str(file))[0] == 1
    root = ET.parse(file).getroot()
    assert (root.get("errors"), root.get("failures")) == ("1", "0")
    assert "unknown template `helo`" in (root[0][0][0].text or "")


def test_junit_that_cannot_be_written_is_a_wrong_call(small: Small) -> None:
    code, _, told = small.milepost("test", "--junit", str(small.root))
    assert (code, told) == (2, f"milepost: the results cannot be written to {small.root}: Is a directory\n")


# --- --update --------------------------------------------------------------------------------------------------------


def test_update_shows_both_and_writes_what_happens(small: Small) -> None:
    small.change(PLAYBOOK, "timeout: 3 days", "timeout: 5 days")
    code, printed, told = small.milepost("test", "--update", "--yes")
    assert (code, told) == (0, "")
    old = "    expect: [{day: 0, send: hello}, {day: 3, task: Call}, {day: 3, end: finished}]"
    assert printed.splitlines()[:4] == [
        f"{TESTS}:9: does not use it",
        "  expected `day 3 task: Call`, and it was `day 5 10:00 task: Call`",
        f"  - {old}",
        f"  + {old.replace('day: 3', 'day: 5')}",
    ]
    assert printed.endswith("2 scenarios passed, 0 failed; 100 % of steps and 100 % of branches gone through\n")
    assert (small.root / TESTS).read_text() == FILES[TESTS].replace(old, old.replace("day: 3", "day: 5"))
    assert small.milepost("test", "--update", "--yes")[0] == 0


def test_update_asks_nobody_who_is_not_there(small: Small) -> None:
    small.change(PLAYBOOK, "timeout: 3 days", "timeout: 5 days")
    code, printed, told = small.milepost("test", "--update")
    assert code == 2
    assert "day: 5" in printed
    assert told == "milepost: nothing was rewritten, because nobody is here to agree to it; add --yes\n"
    assert (small.root / TESTS).read_text() == FILES[TESTS]


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 130), ("", 130)])
def test_update_asks_on_a_terminal(small: Small, answer: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    terminal = io.StringIO(answer)
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)
    small.change(PLAYBOOK, "timeout: 3 days", "timeout: 5 days")
    code, _, told = small.milepost("test", "--update")
    assert code == status
    assert told.startswith("Rewrite 1 scenario in 1 file? [y/N]:")
    assert ((small.root / TESTS).read_text() == FILES[TESTS]) == (status != 0)


def test_update_leaves_never_to_a_person(small: Small) -> None:
    text = FILES[TESTS].replace("never: [well-done]", "never: [hello]").replace(
        "[{day: 0, send: hello}, {day: 3, task: Call}", "[{day: 4, task: Call}"
    ).replace("{day: 3, end", "{day: 4, end")  # fmt: skip
    small.write(TESTS, text)
    code, _, told = small.milepost("test", "--update", "--yes")
    assert code == 1
    assert told == (
        f"{TESTS}:10: does not use it stays as it is, because hello was sent, and `never` forbids it: "
        "mend the playbook, or take it out of `never`\n"
    )
    assert (small.root / TESTS).read_text() == text


def test_update_writes_what_a_scenario_does_not_expect_yet(small: Small) -> None:
    small.write(
        TESTS, "start: 2026-03-02 10:00\nscenarios:\n  - name: one\n    given: [{milestone: purchase, revenue: 5}]\n"
    )
    code, printed, _ = small.milepost("check")
    assert code == 0
    assert f"{TESTS}:3:11: expects-nothing `one` expects nothing yet" in printed
    assert small.milepost("test")[0] == 1
    code, data = small.data("test", "--update", "--yes")
    assert code == 0
    assert data["updated"][0]["before"] == []
    assert (
        (small.root / TESTS)
        .read_text()
        .endswith(
            "revenue: 5}]\n    expect:\n"
            '      - {day: 0, at: "10:00", send: hello}\n'
            '      - {day: 3, at: "10:00", task: Call}\n'
            "      - {day: 3, end: finished}\n"
        )
    )


def test_update_is_for_the_named_path_only(small: Small) -> None:
    small.change(PLAYBOOK, "timeout: 3 days", "timeout: 5 days")
    (small.root / "playbooks/adopter").mkdir()
    assert small.milepost("test", "playbooks/adopter", "--update", "--yes")[0] == 0
    assert (small.root / TESTS).read_text() == FILES[TESTS]


def test_yes_goes_with_update(small: Small) -> None:
    assert small.milepost("test", "--yes")[0] == 2
