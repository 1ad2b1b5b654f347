"""What a back-test is compared with: `--against` names a file, a version that was published, or a git ref, in this
order of looking. The files of the project as they are now are the new side; what is named is the old one.

A file or version replaces one playbook, and shares map and templates with the new side. A git ref is the whole project
as it was: playbooks, map, segments and templates.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cli.common import FAULTS, UNREACHABLE, Refused, data_folder, database, running, settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lifecycle.plan import Plan
    from project import Project

PATIENCE = 30.0
"""Seconds that git may take for one answer; it looks at this machine's disk."""

FOLDERS = ("playbooks", "templates")

_DIGEST = re.compile(r"[0-9a-f]{1,16}")
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""What git tells its hooks, and would make it look at another repository than the project's."""


@dataclass(frozen=True)
class Old:
    """The old side. `says` is what people read of it; `only` names the one playbook that it replaces, if so."""

    kind: Literal["file", "version", "git"]
    says: str
    project: Project
    only: str | None = None


def old_side(found: Project, against: str, playbook: str | None) -> Old:
    """What `against` names; `playbook` is the one that is asked for. Refused, in a sentence, where it names nothing."""
    if _is_file(against):
        return _file(found, Path(against), playbook)
    if _DIGEST.fullmatch(against) and _has_store(found.root):
        version = _version(found, against, playbook)
        if version is not None:
            return version
    return _ref(found, against, playbook)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # longer than any file's name may be
        return False


# --- a file ----------------------------------------------------------------------------------------------------------


def _file(found: Project, path: Path, playbook: str | None) -> Old:
    from lifecycle.compiler import compile_playbook
    from lifecycle.language.faults import Faults
    from lifecycle.language.playbook import Playbook
    from lifecycle.language.source import MAX_BYTES, read
    from lifecycle.language.validate import validate

    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    if len(content) > MAX_BYTES:
        raise Refused(f"{path} is larger than a playbook may be ({MAX_BYTES // 1_000_000} MB)")
    faults = Faults()
    source = read(str(path), content, faults)
    authored = validate(Playbook, source, faults) if source else None
    if authored is not None and authored.playbook not in found.plans:
        raise Refused(f"{path} is the playbook `{authored.playbook}`, which is not in this project")
    if authored is not None and playbook not in (None, authored.playbook):
        raise Refused(f"{path} is the playbook `{authored.playbook}`, and not `{playbook}`")
    assert found.map is not None
    plan = authored and compile_playbook(
        authored, found.map, found.templates.infos, list(found.plans), found.conditions, faults
    )
    if not plan:
        raise Refused(f"the playbook to compare with has mistakes, the first: {faults.errors[0]}", FAULTS)
    return _replacing(found, plan, "file", str(path))


def _replacing(found: Project, plan: Plan, kind: Literal["file", "version"], says: str) -> Old:
    return Old(kind, says, replace(found, plans={**found.plans, plan.playbook: plan}), plan.playbook)


# --- a version that was published ------------------------------------------------------------------------------------


def _has_store(root: Path) -> bool:
    """Whether there is a database to look in; none is made for a question."""
    return (
        bool(settings().database_url or running(root).get("database")) or (data_folder(root) / "milepost.db").is_file()
    )


def _version(found: Project, against: str, playbook: str | None) -> Old | None:
    from lifecycle.plan import unpack
    from store import playbooks

    def read(session: Session) -> tuple[list[str], bytes | None]:
        ids = playbooks.named(session, against, playbook)
        return ids, playbooks.plan(session, ids[0]) if len(ids) == 1 else None

    with contextlib.closing(database(found.root)) as store:
        ids, packed = store.read_now(read)
    if len(ids) > 1:
        raise Refused(f"`{against}` begins the names of {len(ids)} versions; give more of its letters")
    if packed is None:
        return None
    plan = unpack(packed.decode())
    if plan.playbook not in found.plans:
        raise Refused(f"`{against}` is a version of `{plan.playbook}`, which is not in this project any more")
    if playbook not in (None, plan.playbook):
        raise Refused(f"`{against}` is a version of `{plan.playbook}`, and not of `{playbook}`")
    check_templates(plan, found, f"the version {ids[0]}")
    return _replacing(found, plan, "version", f"{plan.playbook} {ids[0]}")


def check_templates(plan: Plan, found: Project, says: str) -> None:
    """Refuse a plan that sends what is no more among the project's templates."""
    for step in plan.steps.values():
        if step.kind == "send" and (step.template, step.channel) not in found.templates.infos:
            raise Refused(
                f"{says} sends `{step.template}` ({step.channel}), and there is no such template any more; "
                "compare with a git ref, which brings its own templates"
            )


# --- a git ref -------------------------------------------------------------------------------------------------------


def _ref(found: Project, against: str, playbook: str | None) -> Old:
    root = found.root
    if _git(root, "rev-parse", "--is-inside-work-tree").returncode:
        raise Refused(
            f"there is no file `{against}` and no such version was published, and {root} is not in a git repository "
            "where it could be a ref"
        )
    named = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{against}^{{commit}}")
    if named.returncode:
        raise Refused(f"`{against}` is no file, no version that was published, and no ref of the git repository {root}")
    commit = named.stdout.decode().strip()
    old = _as_of(root, commit, against)
    if playbook is not None and playbook not in old.plans:
        if playbook in old.sources or not old.faults.errors:
            raise _lacking(playbook, old.plans, against)
        raise Refused(f"the project as of {against} has mistakes, the first: {old.faults.errors[0]}", FAULTS)
    if old.map is None or (playbook is None and old.faults.errors):
        count = len(old.faults.errors)
        raise Refused(
            f"the project as of {against} has {count} mistake{'s' * (count > 1)}, the first: {old.faults.errors[0]}",
            FAULTS,
        )
    return Old("git", f"{against} ({commit[:7]})", old)


def _lacking(playbook: str, known: Mapping[str, Plan], against: str) -> Refused:
    from lifecycle.language.faults import did_you_mean

    hint = did_you_mean(playbook, known)
    return Refused(f"there is no playbook `{playbook}` in the project as of {against}" + (f"; {hint}" if hint else ""))


def _as_of(root: Path, commit: str, against: str) -> Project:
    """The project as a commit has it."""
    from project import MAP, load

    listed = _git(root, "ls-tree", "-r", "-z", commit, "--", *FOLDERS)
    entries = [entry.partition("\t") for entry in listed.stdout.decode(errors="replace").split("\0") if entry]
    files = {path: info.split()[2] for info, _, path in entries if info.startswith("100")}  # no links, no modules
    if MAP not in files:
        raise Refused(f"there is no {MAP} as of {against}: the project was not there yet")
    contents = _git(root, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in files.values()).encode())
    with tempfile.TemporaryDirectory(prefix="milepost-") as folder:
        for path, content in zip(files, _blobs(contents.stdout), strict=True):
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return load(Path(folder).resolve())


def _blobs(batch: bytes) -> Iterator[bytes]:
    """The contents that `git cat-file --batch` prints: a line that ends with the size, the content, a line break."""
    at = 0
    while at < len(batch):
        end = batch.index(b"\n", at)
        size = int(batch[at:end].split()[2])
        yield batch[end + 1 : end + 1 + size]
        at = end + size + 2


def _git(root: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    own = {name: value for name, value in environ.items() if name not in _OF_HOOKS}
    try:
        return subprocess.run(  # noqa: S603 - a list of arguments, and no shell
            ["git", "-C", str(root), *arguments],  # noqa: S607 - git is where this person's PATH has it
            input=given,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            env=own,
        )
    except FileNotFoundError:
        raise Refused(
            "this is no file and no version that was published, and git, which would know a ref, is not installed"
        ) from None
    except subprocess.TimeoutExpired:
        raise Refused(f"git did not answer within {PATIENCE:g} s; try again", UNREACHABLE) from None
