"""How plans, applies and the history of a playbook are printed. Customers are in many zones: times are the map's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from whenever import Instant

from cli.timeline import minute

if TYPE_CHECKING:
    from intake.planning import Change, Deadlines, Here
    from store.tables import Rollout


def customers(count: int) -> str:
    """`3 customers are`."""
    return f"{count:,} customer{' is' if count == 1 else 's are'}"


def flag(here: Here) -> str:
    """What to write for a step that is gone."""
    return f"--move {here.step}={here.meant or 'STEP'}"


# --- a plan --------------------------------------------------------------------------------------------------------


def in_words(change: Change, zone: str) -> Iterator[str]:
    """What an apply would do."""
    if change.before == change.after:
        yield f"{change.playbook}: new journeys take {change.after} already"
    elif change.after is None:
        yield f"{change.playbook}: its file is gone; nobody would enter any more, who take {change.before} now"
    elif change.before is None:
        yield f"{change.playbook}: new journeys would take {change.after}; nobody enters now"
    else:
        yield f"{change.playbook}: new journeys would take {change.after} instead of {change.before}"
    for step in change.steps.added:
        yield f"  {step} is new"
    for step in change.steps.removed:
        yield f"  {step} is gone"
    for step, to in change.steps.changed:
        yield f"  {step} changes" if step == to else f"  {step} becomes {to}"
    if change.before not in (None, change.after) and change.after and not any(change.steps):
        yield "  no step changes: something else does, such as the entry, the goal, an exit or the order"
    if change.under_way is not None:
        yield f"  apply {change.under_way.id} is under way: {apply_state(change.under_way, zone)}"
    if not change.here:
        yield "  nobody is inside"
    for here in change.here:
        yield from _here(change, here, zone)


def _here(change: Change, here: Here, zone: str) -> Iterator[str]:
    yield f"  {customers(here.customers)} at {here.step} (version {here.version})"
    if here.there:
        yield f"    in this version already: {_deadlines(here.pin, zone)}"
        return
    yield f"    pin     {_deadlines(here.pin, zone)}"
    if change.plan is None:
        pass
    elif here.to is None:
        yield f"    follow  the step is gone, so say where they go on: {flag(here)}"
    else:
        where = "" if here.to == here.step else f"at {here.to}, "
        yield f"    follow  {where}{_deadlines(here.follow, zone)}"
    yield "    exit    they end, and get nothing more of it"


def _deadlines(found: Deadlines, zone: str) -> str:
    parts = []
    if found.at_once:
        parts.append(f"{found.at_once:,} at once")
    if (span := found.span) is not None:
        first, median, last = (minute(at, zone) for at in span)
        when = first if first == last else f"{first} to {last}, half of them by {median}"
        parts.append(f"due {when} ({zone})")
    if found.open_:
        parts.append(f"{found.open_:,} at no known time")
    return "; ".join(parts) or "nobody"


def as_data(change: Change) -> dict[str, Any]:
    """A plan for scripts."""
    changed = [{"step": step, "becomes": to} for step, to in change.steps.changed]
    return {
        "playbook": change.playbook,
        "from": change.before,
        "to": change.after,
        "steps": {"added": change.steps.added, "removed": change.steps.removed, "changed": changed},
        "under_way": change.under_way.id if change.under_way else None,
        "inside": [
            {
                "version": here.version,
                "step": here.step,
                "customers": here.customers,
                "pin": _span(here.pin),
                "follow": None if here.to is None else {"step": here.to, **_span(here.follow)},
                "exit": {"ends": 0 if here.there else here.customers},
            }
            for here in change.here
        ],
        "ambiguous": [
            {"version": here.version, "step": here.step, "customers": here.customers, "flag": flag(here)}
            for here in (change.ambiguities if change.plan is not None else ())
        ],
    }


def _span(found: Deadlines) -> dict[str, Any]:
    first, median, last = found.span or (None, None, None)
    times = {"earliest": first, "median": median, "latest": last}
    shown = {name: at.format_iso() if at else None for name, at in times.items()}
    return {**shown, "at_once": found.at_once, "unknown": found.open_}


# --- an apply ------------------------------------------------------------------------------------------------------


def apply_state(row: Rollout, zone: str) -> str:
    """How far an apply is, in words."""
    if row.state == "canary":
        on = ", until somebody continues it"
        if row.continue_at:
            on = f"; everybody at {minute(row.continue_at, zone)} ({zone})"
        return f"{row.percent} % of the customers take part{on}"
    return {"running": "those inside are being moved", "done": "done", "stopped": "stopped"}[row.state]


def apply_words(row: Rollout, counts: Mapping[str, int], zone: str) -> str:
    """One apply in a line."""
    what = f"takes {row.to_version}" if row.to_version else "takes nobody any more"
    named = {"moved": "moved", "left": "stayed in their version", "ended": "ended", "asked": "have yet to move"}
    told = [f"{counts.get(one, 0):,} {words}" for one, words in named.items() if _worth_telling(row.state, one, counts)]
    inside = {"pin": "those inside keep their version", "follow": "those inside follow", "exit": "those inside end"}
    return f"apply {row.id}: {row.playbook} {what}; {inside[row.in_flight]}; " + ", ".join(
        [apply_state(row, zone), *told]
    )


def _worth_telling(state: str, name: str, counts: Mapping[str, Any]) -> bool:
    """Of a share that has drawn nobody inside yet, it is worth telling that nobody moved."""
    return bool(counts.get(name)) or (name == "moved" and state == "canary")


def apply_data(row: Rollout, counts: Mapping[str, int]) -> dict[str, Any]:
    """One apply for scripts."""
    return {
        "apply": row.id,
        "playbook": row.playbook,
        "from": row.from_version,
        "to": row.to_version,
        "in_flight": row.in_flight,
        "percent": row.percent,
        "continue_at": row.continue_at.format_iso() if row.continue_at else None,
        "state": row.state,
        "made_by": row.made_by,
        "reason": row.reason,
        "started_at": row.started_at.format_iso(),
        "finished_at": row.finished_at.format_iso() if row.finished_at else None,
        **{state: counts.get(state, 0) for state in ("asked", "moved", "left", "ended")},
    }


# --- the history ---------------------------------------------------------------------------------------------------


def history_data(
    playbook: str,
    versions: Sequence[tuple[str, Instant]],
    applies: Sequence[tuple[Rollout, Mapping[str, int]]],
    inside: Mapping[str, int],
    taken: Mapping[str, int],
) -> dict[str, Any]:
    """The versions of a playbook, with the share of new journeys that takes each, and its applies, the latest first."""
    return {
        "playbook": playbook,
        "versions": [
            {
                "number": number,
                "version": version,
                "published_at": at.format_iso(),
                "share": taken.get(version, 0),
                "customers": inside.get(version, 0),
            }
            for number, (version, at) in zip(range(len(versions), 0, -1), versions, strict=True)
        ],
        "applies": [apply_data(row, counts) for row, counts in applies],
    }


def history_words(data: Mapping[str, Any], zone: str) -> Iterator[str]:
    """The same for people."""
    yield f"{data['playbook']}, times in {zone}"
    for one in data["versions"]:
        share = f"{one['share']} % of new journeys take it" if one["share"] else "no new journey takes it"
        at = _shown(one["published_at"], zone)
        yield f"version {one['number']}  {one['version']}  published {at}; {share}; {customers(one['customers'])} on it"
    for one in data["applies"]:
        to = one["to"] or "nothing"
        why = f": {one['reason']}" if one["reason"] else ""
        names = (name for name in ("moved", "left", "ended", "asked") if _worth_telling(one["state"], name, one))
        told = ", ".join(f"{one[name]:,} {name}" for name in names)
        share = f", {one['percent']} %" if one["percent"] < 100 else ""
        at = _shown(one["started_at"], zone)
        yield (
            f"apply {one['apply']}  {at}, {one['made_by']}: {one['from'] or 'nothing'} to {to},"
            f" {one['in_flight']}{share}, {one['state']}" + (f" ({told})" if told else "") + why
        )


def _shown(iso: str, zone: str) -> str:
    return minute(Instant.parse_iso(iso), zone)
