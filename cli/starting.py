"""`milepost new playbook`: asks a few questions, or takes options, and writes a playbook with its tests and templates.

What is written is first put into a copy of the project, checked and run there: a person gets files that work, or a
sentence, and never a part of them. Nothing that exists is overwritten.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.choosing import Chooser
from cli.common import (
    CONFLICT,
    FAULTS,
    GOOD,
    Format,
    FormatOption,
    ProjectOption,
    Refused,
    note,
    out,
    out_json,
    progress_console,
    project_root,
    read_project,
    unsound,
)

if TYPE_CHECKING:
    from lifecycle.language.map import Map
    from lifecycle.starter import Idea
    from project import Project

NameArgument = Annotated[
    str | None, typer.Argument(metavar="NAME", help="What the playbook is called.", show_default=False)
]
StageOption = Annotated[str | None, typer.Option("--stage", help="The stage that it is for.")]
MilestoneOption = Annotated[str | None, typer.Option("--milestone", help="The milestone with which it begins.")]
GoalOption = Annotated[str | None, typer.Option("--goal", help="The milestone to which it leads.")]
ChannelOption = Annotated[str | None, typer.Option("--channel", help="How its messages go: email or sms.")]
TopicOption = Annotated[str | None, typer.Option("--topic", help="What customers must have agreed to hear about.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not given is chosen from the map.")]

app = typer.Typer(help="Begin something new.", no_args_is_help=True)


@app.command("playbook", epilog="Example: milepost new playbook trial-help --stage convert --milestone signed_up")
def new_playbook(
    name: NameArgument = None,
    stage: StageOption = None,
    milestone: MilestoneOption = None,
    goal: GoalOption = None,
    channel: ChannelOption = None,
    topic: TopicOption = None,
    yes: YesOption = False,
    project: ProjectOption = None,
    format: FormatOption = Format.text,
) -> int:
    """Write a playbook to start from, with its tests and templates. What is not given is asked for."""
    root = project_root(project)
    found = read_project(root, sound=False)
    if found.map is None:
        raise unsound(found)
    given = {"stage": stage, "milestone": milestone, "goal": goal, "channel": channel, "topic": topic, "name": name}
    idea = Chooser(found, found.map, given, yes=yes).idea()
    with progress_console().status("Trying it in a copy of the project"):
        files, remarks = _proven(found, found.map, idea)
    _write(root, files)
    if format is Format.json:
        out_json({"playbook": idea.name, "files": list(files)})
        return GOOD
    out(f"The playbook {idea.name} is written, and its tests pass:")
    width = max(len(file) for file in files)
    for file in files:
        out(f"  {file:<{width}}  {_told(file, idea)}".rstrip())
    for remark in remarks:
        note(remark)
    where = "" if project is None else f" --project {project}"
    out("\nLook at it, put in your own words, and try it again after each change:")
    out(f"  milepost simulate {idea.name}{where}")
    out(f"  milepost preview {idea.first} --out out{where}")
    out(f"  milepost test {idea.file}{where}")
    return GOOD


def _told(file: str, idea: Idea) -> str:
    told = {idea.file: "who, when and what", idea.tests: "what proves it"}
    if file in told:
        return told[file]
    return "the look of every e-mail" if "/layouts/" in file else "a message"


# --- proving and writing -------------------------------------------------------------------------------------------


def _proven(found: Project, map_: Map, idea: Idea) -> tuple[dict[str, str], list[str]]:
    """The files, after they have been checked and run in a copy of the project, and what `check` still advises."""
    from lifecycle.starter import files_of

    bring = idea.channel == "email" and not (found.root / "templates" / idea.layout).is_file()
    known = {str(fault) for fault in found.faults}
    files = files_of(idea, map_, bring_layout=bring)
    there = next((file for file in files if (found.root / file).exists()), None)
    if there is not None:
        raise Refused(f"there is {there} already, and nothing was written; choose another name", CONFLICT)
    with tempfile.TemporaryDirectory(prefix="milepost-new-") as folder:
        for part in ("playbooks", "templates"):
            if (found.root / part).is_dir():
                shutil.copytree(found.root / part, Path(folder) / part)
        return files, _tried(Path(folder), idea, files, known)


def _tried(copy: Path, idea: Idea, files: dict[str, str], known: Collection[str]) -> list[str]:
    """Check and run the files in a copy of their project, revise what they expect, and say what `check` advises."""
    from lifecycle.coverage import Coverage
    from lifecycle.language.rewrite import CannotRewrite
    from lifecycle.revision import revise
    from lifecycle.scenarios import trials
    from project import load

    for file, text in files.items():
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        (copy / file).write_text(text, "utf-8")
    found = load(copy)
    new = [fault for fault in found.faults if str(fault) not in known]
    errors = [fault for fault in new if fault.severity == "error"]
    if errors:
        raise Refused(f"nothing was written, because it would not fit this project: {errors[0]}", FAULTS)
    plan = found.plans[idea.name]
    coverage = Coverage.of(plan)
    try:
        for number, trial in enumerate(trials(plan, found.scenarios[idea.name], found.world(), coverage)):
            if trial.failure:
                files[idea.tests] = revise(files[idea.tests], number, trial, plan, found.world())
    except CannotRewrite as reason:
        raise Refused(f"nothing was written, because its tests would not pass here: {reason}", FAULTS) from None
    return [str(fault) for fault in new] + [f"{idea.file}: not gone through: {missed}" for missed in coverage.missed]


def _write(root: Path, files: Mapping[str, str]) -> None:
    """Write all files, or none: what was written is taken away again where one of them cannot be."""
    made: list[Path] = []
    try:
        for file, text in files.items():
            path = root / file
            for folder in reversed([one for one in path.parents if not one.exists()]):
                folder.mkdir()
                made.append(folder)
            with path.open("x", encoding="utf-8", newline="\n") as stream:
                made.append(path)
                stream.write(text)
    except OSError as error:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        code = CONFLICT if isinstance(error, FileExistsError) else FAULTS
        raise Refused(f"nothing was written, because {error.filename} cannot be: {error.strerror}", code) from None
