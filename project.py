"""A project as marketing keeps it: `playbooks/` with its map, segments, playbooks and tests, and `templates/`; read and
compiled.

Everything is read at once and every mistake is collected; a project with mistakes still shows what could be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lifecycle import checks
from lifecycle.analyses import Subject, Written, analyse
from lifecycle.compiler import compile_playbook
from lifecycle.language import map as map_language
from lifecycle.language import playbook as playbook_language
from lifecycle.language.faults import Faults, Place, did_you_mean
from lifecycle.language.scenario import Scenarios
from lifecycle.language.segments import Segments
from lifecycle.language.source import MAX_BYTES, read
from lifecycle.language.template import TemplateInfo
from lifecycle.language.validate import M, validate
from lifecycle.plan import Plan
from lifecycle.simulated import World
from messaging import templates as template_files
from messaging.conditions import JinjaConditions
from messaging.lengths import check_lengths

MAP = "playbooks/map.yaml"
SEGMENTS = "playbooks/segments.yaml"


class NoProject(Exception):
    """There is no playbooks/map.yaml here or above; the message says where was looked."""


@dataclass(frozen=True)
class Project:
    """What was read. `plans` and `scenarios` are by playbook name, `files` gives the file of each playbook.

    `map` is None, and nothing is compiled, where the map has mistakes; nor is anything where the segments have.
    Files are named relative to `root`.
    """

    root: Path
    map: map_language.Map | None
    plans: Mapping[str, Plan]
    files: Mapping[str, str]
    sources: Mapping[str, str]
    scenarios: Mapping[str, Scenarios]
    templates: template_files.Templates
    conditions: JinjaConditions
    faults: Faults
    texts: int

    def world(self, *playbooks: str, strict_consent: bool = False) -> World:
        """The simulated world of these playbooks, or of all; nobody in it is in a holdout's silence by accident."""
        assert self.map is not None
        plans = [replace(plan, holdout=0.0) for name, plan in self.plans.items() if not playbooks or name in playbooks]
        return World(self.map, plans, self.templates.infos, self.conditions, strict_consent)

    def templates_again(self) -> template_files.Templates | None:
        """The templates as they are now; None where they have mistakes."""
        faults = Faults()
        found = template_files.load(self.root, faults)
        return None if faults.errors else found


def find_root(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds playbooks/map.yaml."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / MAP).is_file():
            return folder
    raise NoProject(f"there is no {MAP} in {start} or above it; go to your project or name it with --project")


def load_map(root: Path) -> map_language.Map | None:
    """The map of the project at `root` with its segments, which are read in no time; None where they have mistakes."""
    map_, segments = _words(root, Faults())
    return map_ if segments is not None else None


def load(root: Path) -> Project:
    """Read the project at `root`."""
    faults = Faults()
    conditions = JinjaConditions()
    map_, segments = _words(root, faults)
    templates = template_files.load(root, faults)
    playbooks: dict[str, playbook_language.Playbook] = {}
    scenarios: dict[str, Scenarios] = {}
    tested: set[str] = set()
    files: dict[str, str] = {}
    sources: dict[str, str] = {}
    for path in sorted((root / "playbooks").rglob("*.yaml")):
        file = path.relative_to(root).as_posix()
        if file in (MAP, SEGMENTS):
            continue
        if path.name.endswith(".test.yaml"):
            tested.add(path.name.removesuffix(".test.yaml"))
            found = _read(root, path, Scenarios, faults)
            if found:
                scenarios[path.name.removesuffix(".test.yaml")] = found
            continue
        playbook = _read(root, path, playbook_language.Playbook, faults)
        if playbook and _named_right(playbook, path, file, files, faults):
            playbooks[playbook.playbook], files[playbook.playbook] = playbook, file
            sources[playbook.playbook] = path.read_text("utf-8-sig")
    plans: dict[str, Plan] = {}
    if map_ is not None and segments is not None:
        authored = [path for path in (root / "playbooks").rglob("*.yaml") if not path.name.endswith(".test.yaml")]
        names = {path.stem for path in authored} - {"map", "segments"}
        for name, playbook in playbooks.items():
            plan = compile_playbook(playbook, map_, templates.infos, names, conditions, faults, templates.unread)
            if plan:
                plans[name] = plan
        _check(root, map_, playbooks, plans, scenarios, templates, conditions, faults)
        complete = set(plans) == names
        if not any(fault.place.file in (MAP, SEGMENTS) for fault in faults.errors):
            written = {name: Written(playbooks[name], plan) for name, plan in plans.items()}
            analyse(Subject(map_, written, templates.infos, conditions, complete), faults)
        if complete:  # else a template may be used by a playbook that has a mistake
            places = {name: playbook.place("playbook") for name, playbook in playbooks.items()}
            checks.check_use(plans, places, tested, templates.infos, faults)
            checks.check_confirmations(map_, plans, faults)
    texts = sum(len(variants) for variants in templates.variants.values())
    return Project(root, map_, plans, files, sources, scenarios, templates, conditions, faults, texts)


def _check(
    root: Path,
    map_: map_language.Map,
    playbooks: Mapping[str, playbook_language.Playbook],
    plans: Mapping[str, Plan],
    scenarios: Mapping[str, Scenarios],
    templates: template_files.Templates,
    conditions: JinjaConditions,
    faults: Faults,
) -> None:
    """What can be said only now that all files have been read."""
    checks.check_map(map_, conditions, faults)
    checks.check_segments(map_, conditions, faults)
    checks.check_templates(templates.infos, map_, conditions, _Finder(root, templates).place, faults)
    check_lengths(templates, map_, faults)
    for name, found in scenarios.items():
        plan = plans.get(name)
        if plan is not None:
            checks.check_scenarios(found, plan, map_, templates.infos, faults, templates.unread)
        elif name not in playbooks and not (root / found.place().file.replace(".test.yaml", ".yaml")).is_file():
            hint = did_you_mean(name, playbooks)
            faults.add(found.place(), "unknown-playbook", f"there is no playbook `{name}` that this could prove", hint)


def _words(root: Path, faults: Faults) -> tuple[map_language.Map | None, Segments | None]:
    """The map, with the segments, and these by themselves; None for what has mistakes. There need be no segments."""
    map_, path = _read(root, root / MAP, map_language.Map, faults), root / SEGMENTS
    segments = _read(root, path, Segments, faults) if path.is_file() else Segments()
    if map_ is not None and segments is not None:
        map_ = map_.with_segments(segments.by_name)
    return map_, segments


class _Finder:
    """Finds where a name stands in the files of a template."""

    def __init__(self, root: Path, templates: template_files.Templates) -> None:
        self.root, self.templates = root, templates

    def place(self, info: TemplateInfo, text: str) -> Place:
        for variant in self.templates.variants[info.name, info.channel].values():
            lines = (self.root / variant.file).read_text("utf-8-sig").splitlines()
            for number, line in enumerate(lines, 1):
                if (column := line.find(text)) >= 0:
                    return Place(variant.file, number, column + 1)
        return info.place  # it stands in a layout


def _read(root: Path, path: Path, model: type[M], faults: Faults) -> M | None:
    file = path.relative_to(root).as_posix()
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        faults.add(Place(file), "unreadable", f"this file cannot be read: {error.strerror}")
        return None
    if len(content) > MAX_BYTES:
        size = path.stat().st_size / 1_000_000
        faults.add(
            Place(file), "too-large", f"this file has {size:.1f} MB; at most {MAX_BYTES // 1_000_000} MB is read"
        )
        return None
    source = read(file, content, faults)
    return validate(model, source, faults) if source else None


def _named_right(
    playbook: playbook_language.Playbook, path: Path, file: str, files: Mapping[str, str], faults: Faults
) -> bool:
    name = playbook.playbook
    if name in files:
        faults.add(playbook.place("playbook"), "twice", f"the playbook `{name}` stands already in {files[name]}")
        return False
    if path.stem != name:
        faults.add(playbook.place("playbook"), "file-name", f"the playbook `{name}` belongs in a file {name}.yaml")
    if path.parent.name not in ("playbooks", playbook.stage):
        hint = f"move it to playbooks/{playbook.stage}/"
        faults.add(
            playbook.place("stage"), "folder", f"`{name}` is of stage `{playbook.stage}`, and in another folder", hint
        )
    return True
