"""`milepost customer consent`: what a customer agreed to, with its proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Milepost
from tests.cli.test_importing import line


@pytest.fixture
def ada(milepost: Milepost) -> str:
    """Somebody whom Milepost knows."""
    milepost("track", "ada", "purchase", "--set", "revenue=49")
    found: str = milepost("customer", "show", "ada", "--format", "json").data["id"]
    return found


def test_an_answer_is_recorded_with_its_proof_and_shown(milepost: Milepost, ada: str) -> None:
    said = milepost("customer", "consent", "ada", "news", "yes", "--source", "phone", "--text-version", "v3")
    assert (said.code, said.out) == (0, "ada: the customer's answer to `news` is yes\n")
    said = milepost("customer", "consent", ada, "news", "no", "--channel", "sms", "--format", "json")
    assert said.data == {
        "id": ada, "topic": "news", "channel": "sms", "state": "withdrawn",
        "says": "the customer's answer to `news` by sms is no",
    }  # fmt: skip
    shown = milepost("customer", "consent", "ada", "--format", "json").data
    assert (shown["id"], shown["user_id"], shown["consent"]) == (ada, "ada", {"news": True, "news/sms": False})
    first, second = shown["history"]
    assert {key: first[key] for key in first if key != "at"} == {
        "topic": "news", "channel": None, "answer": "yes", "source": "phone", "ip": None, "text_version": "v3",
    }  # fmt: skip
    assert (second["answer"], second["channel"], second["source"]) == ("no", "sms", "command line")
    text = milepost("customer", "consent", "ada").out
    assert "consent: news: yes, news/sms: no" in text
    assert "news: yes (phone, text v3)" in text


def test_a_no_to_everything_is_shown_as_one(milepost: Milepost, ada: str) -> None:
    milepost("customer", "consent", ada, "news", "yes", "--channel", "sms")
    milepost("customer", "consent", ada, "news", "no")
    assert milepost("customer", "show", ada, "--format", "json").data["consent"] == {"news": False}


def test_an_answer_that_cannot_be_recorded_is_refused_in_a_sentence(milepost: Milepost, ada: str) -> None:
    answer = milepost("customer", "consent", ada, "newz", "no")
    assert (answer.code, answer.err) == (2, "milepost: there is no topic `newz` in the map; did you mean `news`?\n")
    answer = milepost("customer", "consent", "nobody", "news", "no")
    assert (answer.code, answer.err) == (2, "milepost: there is no customer `nobody`\n")
    answer = milepost("customer", "consent", ada, "news")
    assert (answer.code, "a topic goes with an answer" in answer.err) == (2, True)


def test_a_topic_with_double_opt_in_waits_for_its_confirmation(milepost: Milepost, project: Path, ada: str) -> None:
    map_ = project / "playbooks" / "map.yaml"
    text = map_.read_text("utf-8").replace("news: {consent: opt_in", "news: {consent: double_opt_in")
    map_.write_text(text, "utf-8")
    said = milepost("customer", "consent", ada, "news", "yes", "--format", "json").data
    assert (said["state"], "counts once it is confirmed" in said["says"]) == ("requested", True)
    shown = milepost("customer", "consent", ada, "--format", "json").data
    assert (shown["consent"], shown["history"][0]["answer"], shown["history"][0]["confirmed_at"]) == (
        {}, "requested", None,
    )  # fmt: skip
    assert "asked for it, and has not confirmed it" in milepost("customer", "consent", ada).out


def test_a_file_whose_consent_makes_no_sense_is_rejected_by_its_line(milepost: Milepost, tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    people: list[dict[str, object]] = [{"newz": False}, {"news": "no"}, {"news": False}]
    lines = [line(f"m{n}", type="identify", event=None, traits={"consent": one}) for n, one in enumerate(people)]
    file.write_text("\n".join(lines), "utf-8")
    answer = milepost("import", file, "--format", "json")
    assert (answer.code, answer.data["accepted"]) == (1, 1)
    assert [bad["reason"] for bad in answer.data["rejected"]] == [
        "there is no topic `newz` in the map; did you mean `news`?",
        "its `consent` is neither a list of topics nor a mapping of topics to true or false",
    ]
