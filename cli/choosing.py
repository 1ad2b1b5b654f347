"""What `milepost new playbook` is to write: chosen by options, by answers, or from the map."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.common import CONFLICT, FAULTS, Refused, note, unknown

if TYPE_CHECKING:
    from lifecycle.language.map import Map
    from lifecycle.language.template import Channel
    from lifecycle.starter import Idea
    from project import Project

_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
_CONTENT = re.compile(r"\{%-?\s*block\s+content\b")
_CHANNELS: dict[Channel, str] = {"email": "by e-mail", "sms": "by text message"}


@dataclass
class Chooser:
    """Takes each choice from the options, else asks for it, else takes what the map suggests."""

    found: Project
    map: Map
    given: Mapping[str, str | None]
    yes: bool

    def idea(self) -> Idea:
        from lifecycle.starter import idea as offers

        map_, infos = self.map, self.found.templates.infos.values()
        begun = {Path(file).parent.name for file in self.found.files.values()}
        stages = {name: one.for_ for name, one in map_.stages.items()}
        stage = self.choice("stage", "Which stage is it for?", stages, lambda: offers.default_stage(map_, begun))
        milestones = {name: rule.description for name, rule in map_.milestones.items()}
        if len(milestones) < 2:
            raise Refused(
                "a playbook leads from one milestone to another, and playbooks/map.yaml declares "
                f"{len(milestones) or 'none'}; add the one to reach under `milestones:`, for example `purchase: {{}}`",
                FAULTS,
            )
        entry = self.choice(
            "milestone", "With which milestone does it begin?", milestones, lambda: offers.default_entry(map_, stage)
        )
        others = {name: told for name, told in milestones.items() if name != entry}
        if self.given["goal"] is not None and map_.canonical(self.given["goal"]) == entry:
            raise Refused(f"`{entry}` is where it begins; name another milestone as its goal")
        goal = self.choice(
            "goal", "To which milestone does it lead?", others, lambda: offers.default_goal(map_, entry) or ""
        )
        channel = self.channel()
        topics = {name: map_.topics[name].description for name in offers.topics_by(map_, channel)}
        topic = self.choice(
            "topic", "What must they have agreed to hear about?", topics,
            lambda: offers.default_topic(map_, channel, stage, infos) or "",
        )  # fmt: skip
        if offers.intents(map_, stage) is None:
            raise Refused(f"the stage `{stage}` forbids every intent, so that no message can be sent in it", FAULTS)
        name = self.name(offers.default_name(entry, self.names()))
        return offers.Idea(name, stage, entry, goal, channel, topic, self.owner(), self.layout())

    def choice(self, key: str, question: str, known: Mapping[str, str], default: Callable[[], str]) -> str:
        """One of `known` names: as given, as answered, or the default."""
        what = {"goal": "milestone"}.get(key, key)

        def right(text: str) -> str:
            name = self.map.canonical(text.strip()) if what == "milestone" else text.strip()
            if name not in known:
                raise unknown(what, name, known)
            return name

        given = self.given[key]
        if given is not None:
            return right(given)
        if self.yes or len(known) == 1:
            return default()
        self.ask_nobody(key)
        note(f"\n{question}")
        width = max(len(name) for name in known)
        for name, told in known.items():
            note(f"  {name:<{width}}  {' '.join(told.split())}".rstrip())
        return self.prompt(key, default(), right)

    def channel(self) -> Channel:
        """A channel by which the map lets messages be sent."""
        from lifecycle.starter.idea import topics_by

        lacks: dict[str, str] = {}
        for channel in _CHANNELS:
            if not topics_by(self.map, channel):
                example = f"`tips: {{channels: [{channel}]}}`"
                lacks[channel] = f"has no topic that is sent by {channel}; add one under `topics:`, such as {example}"
            elif channel == "email" and not self.map.postal_address:
                lacks[channel] = "has no `postal_address`, which every marketing e-mail must show; add it there"
        given = self.given["channel"]
        if given in lacks or len(lacks) == len(_CHANNELS):
            raise Refused(f"playbooks/map.yaml {lacks[given or 'email']}", FAULTS)
        known = {str(channel): told for channel, told in _CHANNELS.items() if channel not in lacks}
        chosen = self.choice("channel", "How do its messages go?", known, lambda: next(iter(known)))
        return next(channel for channel in _CHANNELS if channel == chosen)

    def name(self, default: str) -> str:
        def right(text: str) -> str:
            name = text.strip()
            if not _NAME.fullmatch(name) or name in ("map", "segments"):
                plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
                plain = re.sub(r"^[^a-z]+", "", plain)[:60].strip("-")
                hint = f", such as `{plain}`" if _NAME.fullmatch(plain) and plain not in ("map", "segments") else ""
                raise Refused(
                    f"`{name}` cannot be the name of a playbook: write up to 60 small letters, digits and hyphens, "
                    f"beginning with a letter{hint}"
                )
            if name in self.names():
                file = self.found.files.get(name) or next(
                    path.relative_to(self.found.root).as_posix() for path in self.paths() if path.stem == name
                )
                raise Refused(f"there is a playbook {name} already ({file}), and nothing was written", CONFLICT)
            return name

        given = self.given["name"]
        if given is not None:
            return right(given)
        if self.yes:
            return default
        self.ask_nobody("name")
        note("\nWhat is it called?")
        return self.prompt("name", default, right)

    def names(self) -> Collection[str]:
        """Every name that a playbook of this project has, be it readable or not."""
        return {*self.found.files, *(path.stem for path in self.paths())}

    def paths(self) -> list[Path]:
        files = (self.found.root / "playbooks").rglob("*.yaml")
        return [path for path in files if not path.name.endswith(".test.yaml")]

    def prompt(self, key: str, default: str, right: Callable[[str], str]) -> str:
        def checked(text: str) -> str:
            try:
                return right(text)
            except Refused as refused:
                raise typer.BadParameter(str(refused)) from None

        answer: str = typer.prompt(key, default=default, value_proc=checked, err=True)
        return answer

    def ask_nobody(self, key: str) -> None:
        if not sys.stdin.isatty():
            option = "NAME" if key == "name" else f"--{key}"
            raise Refused(f"nobody is here to be asked; give {option}, or --yes to take what the map suggests")

    def owner(self) -> str | None:
        """Who answers for most playbooks of the project."""
        owners = re.findall(r"(?m)^owner: *([^\s#]+)", "\n".join(self.found.sources.values()))
        return max(owners, key=owners.count, default=None)

    def layout(self) -> str:
        """A layout of the project that has a place for the content of e-mails, else the name of one to bring along."""
        folder = self.found.root / "templates" / "layouts"
        for path in sorted(folder.glob("*.mjml"), key=lambda path: (path.name != "base.mjml", path.name)):
            text = path.read_text("utf-8-sig", errors="replace")
            if _CONTENT.search(text) and "<mjml" in text:
                return f"layouts/{path.name}"
        names = ("base", "plain", *(f"plain-{number}" for number in range(2, 1000)))
        return next(f"layouts/{name}.mjml" for name in names if not (folder / f"{name}.mjml").exists())
