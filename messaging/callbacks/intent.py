"""What a person wants who writes an SMS to us: no more messages, messages again, help, or something else.

Twilio itself acts only on messages of one keyword. People write "Stop please" or "bitte keine SMS mehr", and that
counts as much. The rules, clause by clause (a clause ends at a full stop, comma, line ...):
- A keyword among nothing but filling words is a stop: "could you please stop", not "the bus stop is closed".
- So is a phrase that forbids writing, wherever it stands: "don't text me", "take me off your list".
- What is negated is no stop: "don't stop", "bitte nicht abmelden".
- One clause that is a stop is enough. Where it is doubtful, it is a stop: who agrees can say so again.
- Start and help are read from the whole text, and from keywords alone: consent is not guessed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from messaging.callbacks.wording import FILLING, HELP, NEGATED, PHRASES, POLITE, START, STOP, STOP_ALONE

Intent = Literal["stop", "start", "help", "none"]

LONGEST = 1600
"""Characters; an SMS has no more."""


def intent_of(text: str) -> Intent:
    """What the writer of an SMS wants."""
    clauses = [words for part in re.split(r"[.,;:!?\n\r()]+|\s[-–—]\s", text[:LONGEST]) if (words := _plain(part))]
    if any(_stops(words) for words in clauses):
        return "stop"
    alone = {word for words in clauses for word in words.split()} - POLITE
    if alone and alone <= START:
        return "start"
    return "help" if alone & HELP and alone <= HELP | {"me"} else "none"


def _stops(clause: str) -> bool:
    if NEGATED.search(clause):
        return False
    words = set(clause.replace("opt out", "optout").replace("stop all", "stopall").split())
    if words & STOP and words <= STOP | FILLING:
        return True
    if words & STOP_ALONE and words <= STOP_ALONE | STOP | POLITE:
        return True
    return bool(PHRASES.search(clause))


def _plain(text: str) -> str:
    """Small letters and digits, one space between words; accents and apostrophes are gone."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in letters if not unicodedata.combining(char) and char not in "'’‘´`ʼ")
    return " ".join(re.findall(r"\w+", letters.replace("_", " ")))
