"""Why a customer was or was not sent a message, is or is not in a playbook, and what holds them now.

Everything is read from the database, and nothing changes by it: what was decided is shown as it was stored, and what
was not decided yet is decided for the asking, by the same rules and on the same facts as a worker would.
"""

from intake.explain.answer import Explained, Explainer, Since
from intake.explain.entries import of_playbook
from intake.explain.journeys import of_customer
from intake.explain.messages import decided, of_message

__all__ = ["Explained", "Explainer", "Since", "decided", "of_customer", "of_message", "of_playbook"]
