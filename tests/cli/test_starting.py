"""`milepost new playbook`: what is written passes `check` and `test` at once, and nothing is ever overwritten."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from cli.main import run
from cli.starting import _write
from lifecycle.coverage import Coverage
from lifecycle.scenarios import trials
from lifecycle.starter import Idea, files_of
from lifecycle.starter.idea import default_entry, default_goal, default_topic
from project import load

ROOT = Path(__file__).parents[2]
MINIMAL = """\
time_zone: Europe/Paris
postal_address: 1 Example Street, Paris
milestones:
  signed_up: {}
  purchase: {}
topics:
  tips: {channels: [email, sms]}
stages:
  convert: {for: decide}
"""

New = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path / "mine", MINIMAL)


@pytest.fixture
def new(root: Path, capsys: pytest.CaptureFixture[str]) -> New:
    def call(*arguments: str, command: tuple[str, ...] = ("new", "playbook")) -> tuple[int, str, str]:
        code = run([*command, *arguments, "--project", str(root)])
        return code, *capsys.readouterr()

    return call


def project(root: Path, map_: str) -> Path:
    (root / "playbooks").mkdir(parents=True)
    (root / "playbooks/map.yaml").write_text(map_)
    return root


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def passes(new: New) -> None:
    code, printed, told = new(command=("check",))
    assert (code, printed.endswith("nothing to mend\n"), printed.count("\n"), told) == (0, True, 1, "")
    code, printed, _ = new("--format", "json", command=("test",))
    data = json.loads(printed)
    assert (code, data["failed"], data["coverage"]) == (0, 0, {"steps": 100.0, "branches": 100.0})
    assert data["passed"] >= 5


def test_it_passes_in_a_project_that_has_nothing_but_a_map(root: Path, new: New) -> None:
    code, printed, told = new("--yes")
    assert (code, told) == (0, "")
    assert sorted(files(root)) == [
        "playbooks/convert/after-signed-up.test.yaml",
        "playbooks/convert/after-signed-up.yaml",
        "playbooks/map.yaml",
        "templates/convert/after-signed-up-hello.email.mjml",
        "templates/convert/after-signed-up-reminder.email.mjml",
        "templates/layouts/base.mjml",
    ]
    for file in files(root):
        assert (file in printed) == (file != "playbooks/map.yaml")
    assert f"  milepost simulate after-signed-up --project {root}\n" in printed
    passes(new)
    assert new("--yes", "--channel", "sms")[0] == 0  # a second one: another name, the same layout
    assert (root / "playbooks/convert/after-signed-up-2.yaml").is_file()
    passes(new)


def test_it_passes_for_each_stage_and_channel_of_the_shipped_map(tmp_path: Path) -> None:
    root = tmp_path / "shipped"
    for part in ("playbooks", "templates"):
        shutil.copytree(ROOT / part, root / part)
    before = load(root)
    assert before.map
    ideas = []
    for stage in before.map.stages:
        for channel in ("email", "sms"):
            entry = default_entry(before.map, stage)
            goal = default_goal(before.map, entry)
            topic = default_topic(before.map, channel, stage, before.templates.infos.values())
            assert goal
            assert topic
            ideas.append(Idea(f"x-{stage}-{channel}", stage, entry, goal, channel, topic, None, "layouts/base.mjml"))
    for idea in ideas:
        _write(root, files_of(idea, before.map, bring_layout=False))
    found = load(root)
    assert list(found.faults) == list(before.faults)
    for idea in ideas:
        plan = found.plans[idea.name]
        coverage = Coverage.of(plan)
        failures = [
            one.failure for one in trials(plan, found.scenarios[idea.name], found.world(), coverage) if one.failure
        ]
        assert (failures, coverage.missed) == ([], [])


names = st.from_regex(r"[a-z][a-z0-9-]{0,59}", fullmatch=True)
words = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True) | st.sampled_from(
    ["null", "true", "yes", "on", "y", "x" * 60]
)


@given(
    name=names.filter(lambda name: name not in ("map", "segments")) | st.sampled_from(["null", "true", "no", "a" * 60]),
    stage=names | st.sampled_from(["null", "layouts"]),
    milestones=st.lists(words, min_size=2, max_size=2, unique=True),
    topic=words,
    channel=st.sampled_from(["email", "sms"]),
    consent=st.sampled_from(["opt_in", "opt_out"]),
    hours=st.sampled_from(
        ["", "hours: {email: 18:00 to 22:00, sms: 15:00 to 16:00}\n", "hours: {email: 00:00 to 01:00}\n"]
    ),
    cap=st.sampled_from(["", "caps: [{at_most: 1, every: 30 days}]\n", "caps: [{at_most: 1, every: 7 days}]\n"]),
    zone=st.sampled_from(["Europe/Paris", "Pacific/Kiritimati", "America/St_Johns", "UTC"]),
)
@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_it_passes_with_odd_names_hours_and_caps(
    tmp_path_factory: pytest.TempPathFactory, name: str, stage: str,
    milestones: list[str], topic: str, channel: str, consent: str, hours: str, cap: str, zone: str,
) -> None:  # fmt: skip
    assume(channel == "email" or consent == "opt_in")  # `check` may advise against the other
    declared = "".join(f'  "{one}": {{}}\n' for one in milestones)
    root = project(
        tmp_path_factory.mktemp("odd") / "p",
        f'time_zone: {zone}\npostal_address: "1 Example Street"\nmilestones:\n{declared}'
        f'topics: {{"{topic}": {{consent: {consent}, channels: [email, sms]}}}}\n'
        f'stages: {{"{stage}": {{for: "a # b: c"}}}}\n{hours}{cap}',
    )
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        assert run(["new", "playbook", name, "--channel", channel, "--yes", "--project", str(root)]) == 0, (
            said.getvalue()
        )
        said.truncate(said.seek(0))
        assert run(["check", "--project", str(root)]) == 0
        assert said.getvalue().count("\n") == 1
        assert run(["test", "--project", str(root)]) == 0
    assert "100 % of steps and 100 % of branches" in said.getvalue()


def test_what_exists_is_never_overwritten(root: Path, new: New) -> None:
    assert new("mine", "--yes")[0] == 0
    before = files(root)
    code, printed, told = new("mine", "--yes", "--channel", "sms")
    assert (code, printed) == (4, "")
    assert told == "milepost: there is a playbook mine already (playbooks/convert/mine.yaml), and nothing was written\n"
    assert files(root) == before
    (root / "playbooks/convert/mine.yaml").rename(root / "playbooks/convert/yours.yaml")
    before = files(root)
    assert new("mine", "--yes")[:2] == (4, "")
    assert files(root) == before


def test_all_is_written_or_nothing(root: Path, new: New) -> None:
    (root / "templates").write_text("no folder")
    before = files(root)
    code, _, told = new("--yes")
    assert code == 1
    assert re.search(r"nothing was written, because .* cannot be: (Not a directory|File exists)", told) or code == 4
    assert files(root) == before
    assert sorted(path.name for path in (root / "playbooks").iterdir()) == ["map.yaml"]


def test_what_was_written_goes_where_the_rest_cannot_be(tmp_path: Path) -> None:
    from cli.common import Refused

    (tmp_path / "b").mkdir()
    (tmp_path / "b/c").write_text("mine")
    with pytest.raises(Refused, match="nothing was written") as refused:
        _write(tmp_path, {"new/deep/a": "1", "b/c": "2", "d": "3"})
    assert refused.value.code == 4
    assert files(tmp_path) == {"b/c": b"mine"}
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["My Playbook!"], "`My Playbook!` cannot be the name of a playbook: write up to 60 small letters,"),
        (["map"], "`map` cannot be the name of a playbook"),
        (["../x"], "`../x` cannot be the name of a playbook"),
        (["--stage", "convrt"], "there is no stage `convrt`; did you mean `convert`?"),
        (["--milestone", "signedup"], "there is no milestone `signedup`; did you mean `signed_up`?"),
        (["--goal", "signed_up"], "`signed_up` is where it begins; name another milestone as its goal"),
        (["--channel", "fax"], "there is no channel `fax`"),
        (["--topic", "tip"], "there is no topic `tip`; did you mean `tips`?"),
    ],
)  # fmt: skip
def test_a_wrong_choice_is_one_sentence(root: Path, new: New, arguments: list[str], sentence: str) -> None:
    code, printed, told = new(*arguments, "--yes")
    assert (code, printed, told.count("\n")) == (2, "", 1)
    assert told.startswith(f"milepost: {sentence}")
    assert arguments != ["My Playbook!"] or "beginning with a letter, such as `my-playbook`" in told
    assert sorted(files(root)) == ["playbooks/map.yaml"]


@pytest.mark.parametrize(
    ("old", "new_text", "arguments", "sentence"),
    [
        ("postal_address: 1 Example Street, Paris\n", "", ["--channel", "email"], "has no `postal_address`"),
        ("[email, sms]", "[sms]", ["--channel", "email"], "has no topic that is sent by email; add one under"),
        ("topics:\n  tips: {channels: [email, sms]}\n", "", [], "has no topic that is sent by email; add one under"),
        ("  purchase: {}\n", "", [], "declares 1; add the one to reach under `milestones:`"),
        ("time_zone: Europe/Paris\n", "", [], "`time_zone` is missing here"),
    ],
)  # fmt: skip
def test_a_map_that_lacks_something_is_told_what(
    root: Path, new: New, old: str, new_text: str, arguments: list[str], sentence: str
) -> None:
    (root / "playbooks/map.yaml").write_text(MINIMAL.replace(old, new_text))
    code, printed, told = new(*arguments, "--yes")
    assert (code, printed) == (1, "")
    assert sentence in told
    assert sorted(files(root)) == ["playbooks/map.yaml"]


def test_without_an_address_it_writes_text_messages(root: Path, new: New) -> None:
    (root / "playbooks/map.yaml").write_text(MINIMAL.replace("postal_address: 1 Example Street, Paris\n", ""))
    assert new("--yes")[0] == 0
    assert (root / "templates/convert/after-signed-up-hello.sms.txt").is_file()
    passes(new)


def test_a_layout_of_ones_own_is_used_and_one_of_another_kind_left_alone(root: Path, new: New) -> None:
    layouts = root / "templates/layouts"
    layouts.mkdir(parents=True)
    foot = "{{ postal_address }} <a href='{{ unsubscribe_url }}'>Unsubscribe</a>"
    section = "<mj-section><mj-column>{}</mj-column></mj-section>"
    (layouts / "base.mjml").write_text(
        f"<mjml><mj-body>{section.format(f'<mj-text>{foot}</mj-text>')}</mj-body></mjml>"
    )
    before = files(root)
    assert new("one", "--yes")[0] == 0
    assert '{% extends "layouts/plain.mjml" %}' in (root / "templates/convert/one-hello.email.mjml").read_text()
    assert {file: files(root)[file] for file in before} == before
    body = section.format(f"{{% block content %}}{{% endblock %}}<mj-text>{foot}</mj-text>")
    (layouts / "base.mjml").write_text(f"<mjml><mj-body>{body}</mj-body></mjml>")
    assert new("two", "--yes")[0] == 0
    assert '{% extends "layouts/base.mjml" %}' in (root / "templates/convert/two-hello.email.mjml").read_text()
    passes(new)


def test_a_mistake_elsewhere_is_in_nobodys_way(root: Path, new: New) -> None:
    (root / "playbooks/broken.yaml").write_text("playbook: [")
    assert new("--yes")[0] == 0
    assert new("broken", "--yes")[0] == 4


def test_as_data(root: Path, new: New) -> None:
    code, printed, _ = new("mine", "--yes", "--format", "json")
    data = json.loads(printed)
    assert (code, data["playbook"], len(data["files"])) == (0, "mine", 5)
    assert set(data["files"]) < set(files(root))


# --- asking ----------------------------------------------------------------------------------------------------------


def answers(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    terminal = io.StringIO(text)
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", terminal)


def test_it_asks_for_what_is_not_given(root: Path, new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "playbooks/map.yaml").write_text(
        MINIMAL.replace(
            "  convert: {for: decide}", "  aware: {for: look}\n  convert: {for: decide}\n  adopter: {for: use}"
        )
    )
    answers(monkeypatch, "convrt\nconvert\n\nsms\nMy Name\nmy-name\n")
    code, printed, told = new()
    assert code == 0
    assert "my-name" in printed
    assert "Which stage is it for?\n  aware    look\n  convert  decide\n" in told
    assert "did you mean `convert`?" in told
    assert "such as `my-name`" in told
    assert "milestone [signed_up]:" in told
    assert "What must they have agreed" not in told  # there is one topic only
    assert (root / "templates/convert/my-name-hello.sms.txt").is_file()
    passes(new)


def test_whoever_leaves_in_between_has_written_nothing(root: Path, new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "signed_up\n")
    assert new()[0] == 130
    assert sorted(files(root)) == ["playbooks/map.yaml"]


def test_nobody_is_asked_who_is_not_there(root: Path, new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, printed, told = new("--milestone", "signed_up")
    assert (code, printed) == (2, "")
    assert told == "milepost: nobody is here to be asked; give --channel, or --yes to take what the map suggests\n"
    assert new("mine", "--milestone", "signed_up", "--channel", "email")[0] == 0
