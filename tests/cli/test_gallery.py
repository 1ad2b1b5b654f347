"""`milepost preview --all`: every message on one page that runs and fetches nothing."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.small_project import Small

ROOT = Path(__file__).parent.parent.parent
HELLO = "templates/hello.email.html"


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.chdir(tmp_path)
    return Small(tmp_path / "project", capsys)


class Page(HTMLParser):
    """What a page shows and what it would fetch or run."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_preview_of_all_puts_every_message_on_one_page_in_two_widths(small: Small, tmp_path: Path) -> None:
    code, data = small.data("preview", "--all", "--out", str(tmp_path / "out"))
    assert (code, data["files"][-1]) == (0, str(tmp_path / "out" / "index.html"))
    page = Page(tmp_path / "out" / "index.html")
    frames = page.all("iframe")
    assert [frame["class"] for frame in frames] == ["screen", "phone"] * 2
    assert [frame["title"] for frame in frames[::2]] == ["Hello Ada, screen, 700 wide", "Hallo, screen, 700 wide"]
    message = (tmp_path / "out" / "hello.email.html").read_text("utf-8")
    assert "Thank you for 5, Ada." in message
    assert frames[0]["srcdoc"] == frames[1]["srcdoc"] == message.rstrip("\n")
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert '<p class="sms">Well done</p>' in text
    assert "<dd>1, GSM-7</dd>" in text


def test_the_page_runs_no_script_and_fetches_nothing(small: Small, tmp_path: Path) -> None:
    small.change(HELLO, "<p>Thank", "<script>alert(1)</script><img src='https://example.com/i.png' alt=''><p>Thank")
    assert small.milepost("preview", "--all", "--out", str(tmp_path / "out"))[0] == 0
    page = Page(tmp_path / "out" / "index.html")
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert all(frame["sandbox"] == "" and "src" not in frame for frame in page.all("iframe"))
    assert {tag for tag, _ in page.tags} & {"script", "img", "link"} == set()
    for link in page.all("a"):
        href = link["href"] or ""
        assert href.startswith("#") or (tmp_path / "out" / href).is_file()


def test_what_a_message_says_is_text_on_the_page(small: Small, tmp_path: Path) -> None:
    name = '"></iframe><script>alert(1)</script>'
    values = small.write("values.json", json.dumps({"customer": {"first_name": name}, "event": {"revenue": 1}}))
    assert small.milepost("preview", "--all", "--data", str(values), "--out", str(tmp_path / "out"))[0] == 0
    page = Page(tmp_path / "out" / "index.html")
    assert page.all("script") == []
    assert [set(frame) for frame in page.all("iframe")] == [{"class", "sandbox", "loading", "title", "srcdoc"}] * 4


def test_the_page_tells_what_could_not_be_made(small: Small, tmp_path: Path) -> None:
    values = small.write("values.json", json.dumps({"customer": {"first_name": "Ada"}}))
    code, data = small.data("preview", "--all", "--data", str(values), "--out", str(tmp_path / "out"))
    assert (code, data["missing"]) == (1, ["event.revenue"])
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert '<p class="fault">hello: there is no value for `event.revenue`;' in text
    assert "Well done" in text


def test_all_languages_of_one_template_have_a_page_too(small: Small, tmp_path: Path) -> None:
    small.milepost("preview", "hello", "--all", "--out", str(tmp_path / "out"))
    assert len(Page(tmp_path / "out" / "index.html").all("iframe")) == 4


def test_the_shipped_messages_are_all_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cli.main import run

    assert run(["preview", "--all", "--out", str(tmp_path), "--project", str(ROOT), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["missing"] == []
    emails = [file for file in shown["files"] if file.endswith(".subject")]
    assert len(Page(tmp_path / "index.html").all("iframe")) == 2 * len(emails) > 40


def test_a_template_with_a_mistake_is_told_and_the_others_are_shown(small: Small, tmp_path: Path) -> None:
    small.change(HELLO, "<p>Thank", "<a href='/x'>x</a><p>Thank")
    wrong = f'{HELLO}:7:4: link `href="/x"` leads nowhere from a message; write href="https://www.example.com/x"\n'
    assert small.milepost("preview", "hello", "--out", str(tmp_path / "out")) == (1, "", wrong)
    code, printed, told = small.milepost("preview", "--all", "--out", str(tmp_path / "out"))
    assert (code, told) == (1, wrong)
    assert "well-done.sms.txt" in printed
    assert "leads nowhere" in (tmp_path / "out" / "index.html").read_text("utf-8")
    assert small.milepost("send-test", "hello", "--to", "ada@example.com") == (1, "", f"milepost: {wrong}")


def test_a_mistake_in_a_playbook_keeps_nobody_from_looking_at_a_message(small: Small, tmp_path: Path) -> None:
    small.change("playbooks/onboarding/welcome.yaml", "first_use", "frist_use")
    assert small.milepost("preview", "hello", "--out", str(tmp_path / "out"))[0] == 0
    assert small.milepost("send-test", "hello", "--to", "ada@example.com")[0] == 0


def test_without_a_map_nothing_is_shown(small: Small, tmp_path: Path) -> None:
    small.write("playbooks/map.yaml", "x: 1")
    code, _, told = small.milepost("preview", "hello", "--out", str(tmp_path / "out"))
    assert code == 1
    assert "the project has" in told
