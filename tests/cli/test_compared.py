"""A comparison as a comment for a pull request: it fits, nothing in it is taken for a mark, and nobody is mentioned."""

from __future__ import annotations

from whenever import Instant

from cli.compared import Head
from cli.compared_markdown import LIMIT, markdown
from lifecycle.comparing import Difference, Lived, Sent
from lifecycle.differences import Sums

START = Instant.from_utc(2026, 1, 5, 9)


def journey(playbook: str, days: int, templates: int, name: str = "offers/{}", end: str | None = None) -> Lived:
    messages = [
        Sent(f"s{number}", 1, name.format(number), "email", START.add(hours=24 * days + number))
        for number in range(templates)
    ]
    return Lived(playbook, None, "UTC", START, end, messages, {})


def test_it_stays_below_what_github_takes_however_much_differs() -> None:
    sums, shown = Sums(), []
    for number in range(5):
        difference = sums.add(f"c{number}", [journey("a", 0, 900)], [journey("a", 1, 900, end=f"reason {number}" * 50)])
        assert isinstance(difference, Difference)
        shown.append(difference)
    sums.add("c9", [journey("b", 0, 900)], [])
    told = markdown(Head("HEAD", "the files", "6 customers"), sums, shown)
    assert len(told) <= LIMIT
    assert "| and " in told
    assert "| all messages | 4,500 | 4,500 |" in told


def test_what_authors_and_products_wrote_means_nothing_to_markdown() -> None:
    end = "a|b <script> `x` @team [y](z)"
    sums = Sums()
    difference = sums.add("eve@example.com", [journey("a", 0, 1, "x|{}")], [journey("a", 1, 1, "x|{}", end=end)])
    assert difference
    told = markdown(Head("HEAD", "the files", "1 customer"), sums, [difference])
    assert "<script>" not in told
    assert "@" not in told.replace("&#64;", "")
    assert "eve" not in told
    rows = [line for line in told.splitlines() if line.startswith("| ") and "end:" in line]
    assert [row.replace("\\|", "").count("|") for row in rows] == [5]
