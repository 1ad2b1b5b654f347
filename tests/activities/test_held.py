"""What a journey had come to when it met a pause is stored with the hold: a resume says beforehand what it will do."""

from __future__ import annotations

import pytest

from intake import pauses
from store.tables import Hold
from tests.activities.conftest import Open
from tests.intake.house import START


@pytest.mark.parametrize(
    ("steps", "transactional", "wants"),
    [
        ("  - send: mail/one\n", False, "email"),
        ("  - {send: text/one, expires: 3 days}\n", False, "sms"),
        ("  - send: mail/receipt\n", False, "passes"),
        ("  - send: mail/receipt\n", True, "email"),
        ("  - branch: [{if: customer.plan == 'pro', then: [{send: mail/one}]}]\n", False, "step"),
    ],
)
def test_a_hold_says_what_the_journey_had_come_to(open_desk: Open, steps: str, transactional: bool, wants: str) -> None:
    desk = open_desk(steps)
    desk.house.write(
        lambda session: pauses.start(
            session, scope="everything", reason="r", who="test", now=START, include_transactional=transactional
        )
    )
    do = desk.activities.decide if wants == "step" else desk.activities.deliver
    report = desk._run(do)
    assert len(report.pauses) == 1
    assert [row.wants for row in desk.house.rows(Hold)] == [wants]
