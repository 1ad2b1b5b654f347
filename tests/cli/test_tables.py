"""`milepost import` of tables: columns are read before anything is stored, and rows in the types of the map."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Milepost


def imported(milepost: Milepost, folder: Path, text: str | bytes, *options: str, name: str = "people.csv") -> Answer:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return milepost("import", file, *options, "--format", "json")


def shown(milepost: Milepost, customer: str) -> Answer:
    milepost("track", customer, "gamma")  # applies what waits
    return milepost("customer", "show", customer, "--format", "json")


def told(answer: Answer) -> list[tuple[int, str]]:
    return [(one["line"], one["reason"]) for one in answer.data["rejected"]]


PEOPLE = """customer,firstName,score,renews_on,closed,consent.news,consent.news.sms,consent.source,consent.at,consent.ip
ada,Ada,007,2026-12-24,no,yes,no,sign-up form,2026-01-05 10:00,192.0.2.7
grace,"Grace
Example",,,,,,,,
"""


@pytest.mark.parametrize(
    ("delimiter", "mark", "end"), [(",", "", "\n"), (";", "\ufeff", "\r\n"), ("\t", "\ufeff", "\n")]
)
def test_customers_come_with_attributes_and_proven_answers(
    milepost: Milepost, tmp_path: Path, delimiter: str, mark: str, end: str
) -> None:
    text = mark + PEOPLE.replace(",", delimiter).replace("\n", end)
    answer = imported(milepost, tmp_path, text)
    assert (answer.code, answer.data["accepted"], answer.data["rejected"]) == (0, 2, [])
    assert shown(milepost, "ada").data["consent"] == {"news": True, "news/sms": False}
    (yes, no) = milepost("customer", "consent", "ada", "--format", "json").data["history"]
    assert (yes["answer"], no["answer"], no["channel"]) == ("yes", "no", "sms")
    assert (yes["source"], yes["ip"], yes["at"]) == ("sign-up form", "192.0.2.7", "2026-01-05T09:00:00+00:00")
    assert shown(milepost, "grace").data["consent"] == {}


def test_the_same_table_again_changes_nothing_and_a_changed_row_is_a_new_one(
    milepost: Milepost, tmp_path: Path
) -> None:
    assert imported(milepost, tmp_path, PEOPLE).data["accepted"] == 2
    again = imported(milepost, tmp_path, PEOPLE)
    assert (again.data["accepted"], again.data["duplicates"]) == (0, 2)
    changed = imported(milepost, tmp_path, PEOPLE.replace("007", "8"))
    assert (changed.data["accepted"], changed.data["duplicates"]) == (1, 1)


def test_an_old_yes_in_a_table_undoes_no_later_no(milepost: Milepost, tmp_path: Path) -> None:
    milepost("track", "ada", "gamma")
    milepost("customer", "consent", "ada", "news", "no")
    dated = "customer,consent.news,consent.at\nada,yes,2026-01-05\n"
    assert imported(milepost, tmp_path, dated).err.count("counts as given now") == 0
    assert shown(milepost, "ada").data["consent"] == {"news": False}
    undated = imported(milepost, tmp_path, "customer,consent.news\ngrace,yes\n")
    assert "each answer counts as given now, and a yes undoes an earlier no" in undated.err


def test_milestones_come_with_their_time_and_properties_in_their_types(milepost: Milepost, tmp_path: Path) -> None:
    text = (
        "user_id;event;timestamp;id;revenue;colour\n"
        "ada;Order Completed;2020-01-05 10:00;o-1;49;red\n"
        "ada;purchase;2020-01-05T10:00:00Z;o-1;1;\n"
        "grace;delta;2020-01-06;;;\n"
    )
    answer = imported(milepost, tmp_path, text, "--backfill")
    assert (answer.code, answer.data["accepted"], answer.data["duplicates"]) == (0, 2, 1)
    assert "`colour` is not a declared property of any milestone. It is recorded all the same." in answer.err
    assert [one["playbook"] for one in shown(milepost, "ada").data["journeys"]] == ["welcome"]


BAD = """customer,milestone,at,revenue
ada,purchase,2026-01-05,49
,purchase,2026-01-05,49
ada,,2026-01-05,49
ada,purchase,,49
ada,purchase,05/01/2026,49
ada,purchase,2026-01-05,much

ada,purchase,2026-01-05
ada,message.opened,2026-01-05,
ada,purchase,2026-01-06,"49
,,,
grace,purchase,2026-01-05,49
"""


def test_each_bad_row_is_told_by_its_line_and_loses_none_of_the_others(milepost: Milepost, tmp_path: Path) -> None:
    answer = imported(milepost, tmp_path, BAD)
    assert (answer.code, answer.data["read"], answer.data["accepted"]) == (1, 10, 2)
    assert told(answer) == [
        (3, "it has no `customer` of 1 to 255 characters, and no `anonymousId` in its place"),
        (4, "it has no `milestone` of 1 to 255 characters"),
        (5, "it has no `at`"),
        (6, "its `at` is not a date and time such as 2026-01-05 10:00"),
        (7, "`revenue` is a number such as 49.5, and this is none"),
        (9, "it has 3 cells, and the first row names 4 columns"),
        (10, "milestones whose names begin with `message.` are made by Milepost itself when a provider reports it"),
        (11, "its quotes do not match, or a cell has more than 131,072 characters"),
    ]


@pytest.mark.parametrize("cells", ["perhaps,,", "yes,192.0.2.700,", "yes,,yesterday"])
def test_consent_that_cannot_be_read_surely_rejects_its_row(milepost: Milepost, tmp_path: Path, cells: str) -> None:
    text = f"customer,consent.news,consent.ip,consent.at\nada,{cells}\ngrace,yes,192.0.2.7,2026-01-05\n"
    answer = imported(milepost, tmp_path, text)
    assert ([line for line, _ in told(answer)], answer.data["accepted"]) == ([2], 1)
    assert "yesterday" not in answer.out
    assert "192.0.2.700" not in answer.out


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("custmer,plan", "there is no column `customer` (or `user_id`); is it `custmer`?"),
        ("plan", "there is no column `customer`"),
        ("customer,plna", "`plna` is not an attribute that the map declares; did you mean `plan`?"),
        ("customer,milstone,at", "did you mean `milestone`?"),
        ("customer,consent.newz", "there is no topic `newz` in the map; did you mean `news`?"),
        ("customer,consent.news.fax", "`news` is sent by email and sms, not by `fax`"),
        ("customer,consent.news,consent.sorce", "did you mean `consent.source`?"),
        ("customer,consent.source", "says how consent was given, and there is no column such as `consent.news`"),
        ("customer,milestone", "there is no column `at`"),
        ("customer,milestone,at,consent.news", "belongs in a table of customers"),
        ("customer,userId,plan", "the columns `customer` and `userId` say the same"),
        ("customer,first_name,firstName", "are both `first_name`"),
        ("customer,plan,plan", "there are two columns `plan`"),
        ("customer,,plan", "column 2 has no name"),
        ("", "there is no row that names the columns"),
    ],
)
def test_a_wrong_column_is_told_before_anything_is_stored(
    milepost: Milepost, tmp_path: Path, header: str, says: str
) -> None:
    answer = imported(milepost, tmp_path, header + "\n" + "a,b,c,d\n" * 3)
    if header:
        assert (answer.code, answer.out) == (2, "")
        assert says in answer.err
        assert f"{tmp_path / 'people.csv'}:1: " in answer.err
    assert imported(milepost, tmp_path, "customer\nada\n").data["duplicates"] == 0
    assert milepost("events", "tail", "--format", "json").out.count("\n") == 1


def test_all_wrong_columns_are_told_at_once(milepost: Milepost, tmp_path: Path) -> None:
    answer = imported(milepost, tmp_path, "customer,plna,scor,consent.newz\n")
    assert answer.err.count("did you mean") == 3


def test_a_quote_that_is_never_closed_costs_its_own_line(milepost: Milepost, tmp_path: Path) -> None:
    rows = [f'user{number},"open' if number == 7 else f"user{number},Ada" for number in range(20_000)]
    answer = imported(milepost, tmp_path, "customer,first_name\n" + "\n".join(rows))
    assert (answer.data["accepted"], [line for line, _ in told(answer)]) == (19_999, [9])


def test_a_row_without_an_end_is_told_and_what_follows_is_kept(milepost: Milepost, tmp_path: Path) -> None:
    answer = imported(milepost, tmp_path, "customer\n" + "x" * 3_000_000 + "\nada\n")
    assert (answer.data["accepted"], told(answer)) == (1, [(2, "it is longer than 1,000,000 bytes")])
