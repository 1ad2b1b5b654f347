"""Our journey of the shape in "Figures to beat": a playbook as marketing writes it, compiled against what ships.

It says the same as `by_hand.py`, step by step. Nothing may be tuned in it for the figures' sake: what a reader of the
bench takes home is what an ordinary playbook costs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes
from whenever import Instant

from activities.contract import JOURNEYS, Begin
from intake.dispatcher import PLAYBOOK
from lifecycle.compiler import compile_playbook
from lifecycle.language.faults import Faults
from lifecycle.language.playbook import Playbook
from lifecycle.plan import Plan
from lifecycle.state import STATE, State
from project import Project, load
from workflows.journey import JourneyWorkflow

ROOT = Path(__file__).parent.parent
"""The project as it ships."""

NAME = "four-messages"
ENTRY = "purchase"
MILESTONE = "first_use"
TOPICS = ("tips", "text_tips")
"""What a customer has to agree to, so that all four messages go out."""


def project(wait: str, longest: str) -> Project:
    """The shipped project with this playbook alone; with its wait and the longest wait for the milestone as a
    playbook writes them."""
    shipped, faults = load(ROOT), Faults()
    assert shipped.map is not None
    playbook = Playbook.model_validate(_authored(wait, longest))
    plan = compile_playbook(playbook, shipped.map, shipped.templates.infos, [NAME], shipped.conditions, faults)
    assert plan is not None, [str(fault) for fault in faults]
    return replace(shipped, plans={NAME: plan}, files={NAME: ""}, sources={NAME: ""})


def _authored(wait: str, longest: str) -> dict[str, object]:
    return {
        "playbook": NAME,
        "stage": "onboarding",
        "description": "Two e-mails, then one more for who has begun, or an e-mail and an SMS for who has not.",
        "owner": "lifecycle@example.com",
        "entry": {"milestone": ENTRY},
        "steps": [
            {"send": "onboarding/welcome"},
            {"wait": wait},
            {"send": "onboarding/first-project"},
            {
                "wait_for": MILESTONE,
                "timeout": longest,
                "reached": [{"send": "onboarding/good-start"}],
                "timed_out": [
                    {"send": "onboarding/first-use-nudge", "channel": "email"},
                    {"send": "onboarding/first-use-nudge", "channel": "sms", "id": "nudge-by-sms"},
                ],
            },
        ],
    }


async def start(client: Client, plan: Plan, number: int) -> WorkflowHandle[JourneyWorkflow, None]:
    """Start one journey without a database, with all that the dispatcher gives one."""
    now = Instant.now()
    customer = f"cus_{number:016x}"
    state = State(customer, "Europe/Paris", now, now)
    begin = Begin(plan=plan.packed, state=STATE.dump_python(state, mode="json", exclude_defaults=True))
    return await client.start_workflow(
        JourneyWorkflow.run,
        begin,
        id=f"{NAME}.{number:020x}",
        task_queue=JOURNEYS,
        search_attributes=TypedSearchAttributes([SearchAttributePair(PLAYBOOK, NAME)]),
        priority=Priority(priority_key=3, fairness_key=NAME),
        static_summary=NAME,
    )
