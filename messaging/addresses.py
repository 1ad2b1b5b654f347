"""E-mail addresses and phone numbers: what is one, what stands for it once it may not be stored, and where a number is.

An address that is not in its normal form goes to no sender, so nothing that a customer or product typed can become a
header or a second recipient. Nothing is looked up in the network.
"""

from __future__ import annotations

import hashlib
import hmac

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumber, timezone

from lifecycle.language.map import is_zone
from lifecycle.quiet_hours import Reach


def normal(channel: str, text: str) -> str | None:
    """The one form of an address that senders take; None where it is no address for this channel.

    E-mail: domain in small letters and in ASCII. SMS: E.164, from a number that is written with its country (`+33 6 12
    34 56 78`).
    """
    if channel == "email":
        try:
            return validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False).ascii_email
        except EmailNotValidError:
            return None
    number = _number(text)
    return None if number is None else phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def fingerprint(key: bytes, channel: str, normal: str) -> str:
    """What stands for an address in suppressions: a hash that nobody without `key` can make, 64 hex digits.

    Capitals make no other address: mailboxes do not tell them apart.
    """
    return hmac.new(key, f"{channel}:{normal.casefold()}".encode(), hashlib.sha256).hexdigest()


def reach_of(
    phone: str | None, time_zone: str | None, country: str | None, region: str | None, fallback_zone: str
) -> Reach:
    """Where a person may be: their stored zone, else every zone of their number, else `fallback_zone`.

    `country` and `region` are stored texts. A country counts where it is a code of two letters (`US`), else that of the
    number does; a region is a code within it (`TX`).
    """
    number = _number(phone) if phone else None
    zones: tuple[str, ...] = (time_zone,) if time_zone and is_zone(time_zone) else ()
    if not zones and number is not None:
        zones = tuple(sorted(filter(is_zone, timezone.time_zones_for_number(number))))
    code = (country or "").strip().upper()
    if not (len(code) == 2 and code.isalpha()):
        code = _country(number) if number is not None else ""
    return Reach(zones or (fallback_zone,), code or None, (region or "").strip().upper() or None)


def _number(text: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _country(number: PhoneNumber) -> str:
    """Two letters; empty for numbers of no country, such as those of satellites."""
    region = phonenumbers.region_code_for_number(number)
    return "" if region in (None, phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY) else str(region)
