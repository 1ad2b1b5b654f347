"""What can be told of playbooks before anybody enters them, over steps and over playbooks.

- Each analysis has a file, and is a pure function from a `Subject` to faults, each at its line and column.
- They look at playbooks without mistakes in their words and shapes; those are the compiler's affair.
- A mistake (status 1) is what is certain: no customer can fare otherwise. What may be meant is advice.
- None of them guesses: where something cannot be told, nothing is said, and a finding is never silenced by a setting.
"""

from __future__ import annotations

from lifecycle.analyses.cycles import check_cycles
from lifecycle.analyses.languages import check_languages
from lifecycle.analyses.milestones import check_heard, check_used
from lifecycle.analyses.paths import paths_of
from lifecycle.analyses.reach import check_entered, check_reach
from lifecycle.analyses.stages import check_stages
from lifecycle.analyses.subject import Subject, Written
from lifecycle.analyses.values import check_values
from lifecycle.analyses.weeks import check_caps
from lifecycle.analyses.windows import check_window
from lifecycle.language.faults import Faults

__all__ = ["Subject", "Written", "analyse"]


def analyse(subject: Subject, faults: Faults) -> None:
    """Report everything that the analyses find."""
    paths = {name: paths_of(written, subject) for name, written in subject.playbooks.items()}
    for name, written in subject.playbooks.items():
        check_reach(written, paths[name], subject, faults)
        check_heard(written, subject, faults)
        check_stages(written, paths[name], subject, faults)
        check_values(written, paths[name], subject, faults)
        check_window(written, paths[name], faults)
        check_languages(written, paths[name], subject, faults)
    check_cycles(subject, paths, faults)
    if subject.complete:  # else what nobody seems to do, the playbook that has a mistake may do
        check_entered(subject, faults)
        check_used(subject, faults)
        check_caps(subject, paths, faults)
