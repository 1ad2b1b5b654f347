"""A playbook that speaks a language now and then: one message is there in German, and the next one is not.

Which languages a company writes is seen from its translations. A playbook none of whose messages is translated speaks
its own language to everybody, and nothing is said of it.
"""

from __future__ import annotations

from lifecycle import plan as p
from lifecycle.analyses.paths import Paths
from lifecycle.analyses.subject import Subject, Written
from lifecycle.language.faults import Faults


def check_languages(written: Written, paths: Paths, subject: Subject, faults: Faults) -> None:
    """Advise, at the first step that sends it, on each message that lacks a language of its playbook's others."""
    sends: dict[tuple[str, str], p.StepId] = {}
    spoken: dict[str, str] = {}
    for step_id in (step for step in written.steps if step in paths.known):
        step = written.plan.steps[step_id]
        if isinstance(step, p.Send):
            sends.setdefault((step.template, step.channel), step_id)
            for language in subject.template_of(step).languages:
                spoken.setdefault(language, step.template)
    for step_id in sends.values():
        step = written.plan.steps[step_id]
        assert isinstance(step, p.Send)
        info = subject.template_of(step)
        for language, example in spoken.items():
            if not _speaks(language, info.languages):
                message = f"`{step.template}` is not there in `{language}`, and `{example}` in the same playbook is"
                ending = info.place.file.rpartition(".")[2]
                hint = f"write templates/{step.template}.{step.channel}.{language}.{ending}"
                faults.add(written.place(step_id, "send"), "missing-language", message, hint, "warning")


def _speaks(language: str, languages: tuple[str, ...]) -> bool:
    """Whether a reader of a language is served: `pt` serves those of `pt-br` too."""
    return any(language == one or language.startswith(f"{one}-") for one in languages)
