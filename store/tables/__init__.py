"""The tables, by subject. A table is named in the singular; its docstring says what one row is.

Ids of customers, journeys, messages and tasks are text that leaves the database (they travel through Temporal); ids
that count up stay inside and give an order. Instants are `whenever.Instant`, stored in UTC. A change here needs a
migration; a test compares the two.
"""

from __future__ import annotations

from store.tables.arrivals import Callback, Event, ImportRejected, ImportRun, Shard, Telling
from store.tables.base import METADATA, Row, table_of, values_of
from store.tables.journeys import Journey, JourneyInbox, PlaybookActive, PlaybookVersion, Shadow, Trace
from store.tables.ledger import Delivery, Message, Resend, Task
from store.tables.operations import Audit, Erasure, Hold, Pause, Rate, Sweep, Token
from store.tables.people import Account, Consent, ConsentRequest, Customer, Milestone, SegmentMember, Suppression
from store.tables.versions import JourneyMove, Rollout
from store.tables.visitors import FormSent, SignInAttempt, User, UserSession

__all__ = [
    "METADATA",
    "Account",
    "Audit",
    "Callback",
    "Consent",
    "ConsentRequest",
    "Customer",
    "Delivery",
    "Erasure",
    "Event",
    "FormSent",
    "Hold",
    "ImportRejected",
    "ImportRun",
    "Journey",
    "JourneyInbox",
    "JourneyMove",
    "Message",
    "Milestone",
    "Pause",
    "PlaybookActive",
    "PlaybookVersion",
    "Rate",
    "Resend",
    "Rollout",
    "Row",
    "SegmentMember",
    "Shadow",
    "Shard",
    "SignInAttempt",
    "Suppression",
    "Sweep",
    "Task",
    "Telling",
    "Token",
    "Trace",
    "User",
    "UserSession",
    "table_of",
    "values_of",
]
