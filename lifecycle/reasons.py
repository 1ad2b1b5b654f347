"""Every reason for which a message is refused, put off or unknown: its code, and what it means in plain words.

Codes are stable: they stand in timelines, in the ledger, in tests and in what `explain` prints. A reason that is not
in this table may not be given (a test looks), and docs/reasons.md explains each of them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["refused", "deferred", "unknown"]


class Reason(NamedTuple):
    """`kind` is what becomes of the message; `says` completes the sentence "not sent now, because ..."."""

    kind: Kind
    says: str


REASONS: dict[str, Reason] = {
    # The decision before the send (lifecycle.policies), in the order in which rules are looked at
    "erased": Reason("refused", "the customer has been erased"),
    "exited": Reason("refused", "the journey has been ended"),
    "expired": Reason("refused", "it came too late to be worth sending"),
    "no-address": Reason("refused", "no address of the customer is known for this channel"),
    "invalid-address": Reason("refused", "the customer's address or number is not valid"),
    "suppressed": Reason("refused", "the address is suppressed"),
    "holdout": Reason("refused", "the customer is in the holdout of this playbook"),
    "no-consent": Reason("refused", "the customer has not agreed to this topic"),
    "forbidden-intent": Reason("refused", "the customer's stage forbids messages of this intent"),
    "paused": Reason("deferred", "a pause lies on it"),
    "quiet-hours": Reason("deferred", "it is not an hour at which this person may be messaged"),
    "frequency-cap": Reason("deferred", "this person has had as many messages as the map allows"),
    "priority": Reason("deferred", "a message of a more important playbook goes first"),
    # The message as it is rendered for this customer
    "unknown-template": Reason("refused", "there is no such template"),
    "missing-value": Reason("refused", "a value that the template needs is not known"),
    "bad-value": Reason("refused", "a value cannot be shown the way the template wants it"),
    "too-much": Reason("refused", "the template asks for more work or a longer text than a message may have"),
    "unsafe": Reason("refused", "the template does what the sandbox forbids"),
    "unsafe-link": Reason("refused", "a value would make a link that a message may not have"),
    "no-postal-address": Reason("refused", "marketing e-mail must show a postal address, and this one does not"),
    "no-unsubscribe-link": Reason("refused", "marketing e-mail must show a link to unsubscribe, and this one does not"),
    "mjml": Reason("refused", "with this customer's values the template is not MJML"),
    "empty": Reason("refused", "the message comes to nothing for this customer"),
    # The journey, and people
    "skipped": Reason("refused", "a person skipped it"),
    # What a provider made of it (messaging.sending)
    "rejected": Reason("refused", "the provider will not take this message"),
    "opted-out": Reason("refused", "the person has opted out at the provider"),
    "rate-limited": Reason("deferred", "the provider asked us to slow down"),
    "sending-rate": Reason("deferred", "the channel's own sending rate is used up for the moment"),
    "provider-unreachable": Reason("deferred", "the provider could not be reached, and surely does not have it"),
    "provider-refuses-us": Reason("deferred", "the provider does not accept our key"),
    "provider-down": Reason("deferred", "the provider failed too often, and is left alone for a moment"),
    "stood-still": Reason("deferred", "the worker stood still before it could send it, and begins anew"),
    "provider-failed": Reason("unknown", "the provider answered with an error of its own, and may have it"),
    "no-answer": Reason("unknown", "the provider did not answer, and may have it"),
    "interrupted": Reason("unknown", "the worker stopped while it was sending"),
    "unknown": Reason("unknown", "nobody could tell in time whether the provider has it"),
}


def code_of(reason: str) -> str:
    """The code within a stored reason, which may go on after a colon: `missing-value: customer.first_name`."""
    return reason.partition(":")[0].partition(",")[0]
