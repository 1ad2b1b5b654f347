"""The people of the test company: who they are, and what happened to each, by the day of the company's story.

All are invented. Among them is at least one for everything that a page of the console has to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Happens = tuple[float, str, Mapping[str, Any]]
"""Day of the story (day 0 begins at 10:00 in Paris, so 3.25 is six hours later), what happens, and its properties.

What happens is a milestone, or: `set` (attributes change), `consent`, `group` (joins an account), `alias` (`old` is the
same person), `told` (a provider tells `what` of the message of step `of`), `act` (somebody does `what` to the person),
`fail` (an event that cannot be applied comes).
"""


@dataclass(frozen=True)
class Person:
    """`agrees` are topics of the map, `knows` further attributes; `held_out` is who is in the holdout of the upgrade
    offer. Their e-mail address is made of their id.
    """

    id: str
    first: str
    last: str
    happens: Sequence[Happens]
    zone: str = "Europe/Paris"
    language: str = "en"
    phone: str | None = None
    agrees: Sequence[str] = ("offers", "text_tips")
    knows: Mapping[str, Any] = field(default_factory=dict)
    held_out: bool = False


def buys(day: float, revenue: float = 49) -> Happens:
    return (day, "purchase", {"revenue": revenue, "currency": "EUR"})


def told(day: float, what: str, of: str) -> Happens:
    return (day, "told", {"what": what, "of": of})


def act(day: float, what: str, **more: Any) -> Happens:
    return (day, "act", {"what": what, **more})


def plain(day: float, *milestones: str) -> list[Happens]:
    """Milestones without properties, an hour after each other."""
    return [(day + number / 24, name, {}) for number, name in enumerate(milestones)]


LONG = (
    "The printer in our branch in Clermont-Ferrand prints every second label upside down since the update, "
    "which nobody could explain to us so far; " * 4
).strip()
UNBROKEN = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 2
MARKUP = "<script>alert('first')</script>"
ATTRIBUTE = '"><img src=x onerror="alert(1)">'
TEMPLATE = "{{ 7 * 7 }} ${7*7} <%= 7 %>"
TURNED = "\u202eesrever ni\u202c"

PEOPLE: tuple[Person, ...] = (
    # --- how it should go ------------------------------------------------------------------------------------------
    Person("ada", "Ada", "Fairweather", [
        *plain(20, "visited", "guide_downloaded"), *plain(24, "subscribed", "signed_up"), buys(40),
        *plain(41, "first_use"), *plain(46, "invited_teammate"), *plain(52, "activated"), told(53, "click", "welcome"),
        (80, "tool_connected", {"tool": "calendar"}), buys(86, 99),
    ], phone="+33612345601", knows={"plan": "pro", "company": "Harbour Street Books"}),
    Person("dev", "Dev", "Marlowe", [
        buys(8), *plain(10, "first_use"), *plain(17, "activated"), buys(43, 99), (60, "upgraded", {"plan": "business"}),
        *plain(95, "renewal_due"),
    ], zone="Asia/Kolkata", phone="+33612345602", knows={"plan": "business", "renews_on": "2026-06-10"}),
    Person("femi", "Femi", "Ashgrove", [
        buys(3), *plain(4, "first_use"), *plain(11, "activated"), (28, "review_left", {"rating": 5}),
        *plain(44, "referral_made"), *plain(70, "referral_made"),
    ], zone="Africa/Lagos", phone="+33612345603"),
    Person("greta", "Greta", "Willowby", [
        buys(50), *plain(55, "first_use"), (88, "review_left", {"rating": 4}),
        act(94, "hold", playbook="first-90-days", reason="Her team starts in May, and she wants the rest then"),
    ],
           zone="Europe/Vienna", language="de"),
    # --- before the purchase ---------------------------------------------------------------------------------------
    Person("otto", "Otto", "Larkin", plain(90, "visited"), agrees=()),
    Person("petra", "Petra", "Dunmore", [*plain(85, "visited"), *plain(88, "guide_downloaded")], agrees=()),
    Person("quentin", "Quentin", "Moss", [(96, "consent", {"newsletter": True}), *plain(96.01, "subscribed")],
           agrees=(), language="fr"),
    Person("rosa", "Rosa", "Tidewell", plain(97, "visited", "signed_up"), agrees=("offers",)),
    # --- at the beginning ------------------------------------------------------------------------------------------
    Person("sami", "Sami", "Brook", [buys(98.9)], phone="+33612345604"),
    Person("tilda", "Tilda", "Fenn", [buys(97.2, 1850), *plain(97.9, "first_use")], zone="America/New_York",
           knows={"company": "Fenn & Daughters", "success_manager": "sam@example.com"}),
    Person("bruno", "Bruno", "Kestrel", [buys(62), act(73, "task")], zone="Europe/Berlin", language="de",
           knows={"success_manager": "sam@example.com"}),
    Person("chiara", "Chiara", "Lindqvist", [
        buys(60), *plain(64, "first_use"), *plain(75, "asked_for_help"), (90, "opened_invoice", {}),
    ], zone="Europe/Rome", phone="+33612345605", knows={"success_manager": "sam@example.com"}),
    # --- the upgrade offer, and who did not get it -----------------------------------------------------------------
    Person("jonas", "Jonas", "Pemberly", [buys(20), *plain(24, "first_use"), *plain(30, "activated"), buys(72)],
           zone="Europe/Stockholm", agrees=(), knows={"account_manager": "alex@example.com"}),
    Person("ines", "Ines", "Calloway", [
        buys(80, 1500), act(81, "enrol", playbook="upsell-offer", reason="Asked for a larger plan on the telephone"),
    ], zone="America/New_York", phone="+33612345606", knows={"success_manager": "sam@example.com"}),
    Person("elif", "Elif", "Thornbury", [buys(40, 29), *plain(43, "first_use"), *plain(50, "activated"), buys(64, 29),
                                         told(82, "click", "reminder")],
           zone="Europe/Istanbul", phone="+33612345607", knows={"account_manager": "alex@example.com"}),
    Person("lotte", "Lotte", "Greenhalgh", [buys(66), *plain(68, "first_use"), *plain(75, "activated"), buys(95)],
           phone="+33612345608"),
    Person("miro", "Miro", "Castell", [buys(30), *plain(33, "first_use", "activated"), buys(90)], phone="+33612345609",
           knows={"plan": "business"}),
    Person("olga", "Olga", "Redfern", [buys(50), *plain(52, "first_use", "activated"), buys(80)], held_out=True),
    Person("pavel", "Pavel", "Stone", [buys(55), *plain(57, "first_use", "activated"), buys(75),
                                       (90, "upgraded", {"plan": "business"})], held_out=True),
    # --- held, ended, gone -----------------------------------------------------------------------------------------
    Person("nadia", "Nadia", "Orchard", [
        buys(75), *plain(77, "first_use"), act(91, "pause", reason="On parental leave until May, asked us to wait"),
    ], phone="+33612345610"),
    Person("hugo", "Hugo", "Sparrow", [buys(60), *plain(62, "first_use"), (70, "purchase_refunded", {"amount": 49})],
           zone="Europe/Madrid"),
    Person("kaya", "Kaya", "Rosewood", [buys(35), *plain(38, "first_use"), (65, "set", {"closed": True})],
           zone="Australia/Sydney"),
    Person("vera", "Vera", "Hollis", [
        buys(78), act(88, "end", playbook="first-90-days", reason="Their consultant looks after everything"),
    ]),
    Person("walt", "Walt", "Pickering", [buys(45), *plain(48, "first_use", "activated"),
                                         *plain(92, "subscription_cancelled")]),
    Person("bea", "Bea", "Marchbanks", [buys(58), told(58.2, "bounce", "welcome")], agrees=("offers",)),
    Person("cyril", "Cyril", "Netherby", [buys(52), told(54.5, "spamreport", "first-project")], agrees=()),
    Person("xenia", "Xenia", "Ashdown", [buys(55), *plain(57, "first_use"), (80, "fail", {"revenue": 49})]),
    Person("yusuf", "Yusuf", "Carrow", [buys(87), *plain(89, "first_use"), (93, "alias", {"old": "visitor-4711"})],
           zone="Africa/Cairo"),
    Person("visitor-4711", "Y.", "C.", plain(70, "visited", "guide_downloaded"), agrees=()),
    Person("zelda", "Zelda", "Quickley", [buys(25), *plain(28, "first_use"), act(94, "erase", reason="Asked for it")]),
    # --- texts that are no friends of a page -----------------------------------------------------------------------
    Person("markup", MARKUP, ATTRIBUTE, [
        buys(65), (66, "first_use", {}), (84, "tool_connected", {"tool": MARKUP}),
        act(92, "pause", reason=f"{ATTRIBUTE} {TEMPLATE}"),
    ], phone="+33612345611", knows={"company": f"O'Neill & {MARKUP}"}),
    Person("unbroken", UNBROKEN, TURNED, [
        buys(82), (85, "tool_connected", {"tool": UNBROKEN}), (86, "asked_for_help", {"about": LONG}),
    ], knows={"company": LONG}),
    # --- two contacts of one company -------------------------------------------------------------------------------
    Person("iris", "Iris", "Vane", [
        (30, "group", {"account": "harbour", "name": "Harbour Street Books", "seats": 12}), buys(31, 588),
        *plain(33, "first_use"), *plain(47, "activated"), (70, "review_left", {"rating": 5}),
    ], phone="+33612345612"),
    Person("leo", "Leo", "Vane", [
        (32, "group", {"account": "harbour"}), *plain(32.2, "visited", "signed_up"), buys(94),
    ]),
)  # fmt: skip
