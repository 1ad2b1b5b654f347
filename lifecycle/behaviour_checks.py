"""A behaviour file against the map: every name and every value in it, and what follows what."""

from __future__ import annotations

from lifecycle.behaviour import DRAWN
from lifecycle.consent import written
from lifecycle.language.behaviour import ENTRY, Behaviour, Habit
from lifecycle.language.faults import Faults, Place, did_you_mean
from lifecycle.language.map import Map, is_zone
from lifecycle.values import NotOfItsType, typed


def check(behaviour: Behaviour, map: Map, faults: Faults) -> None:
    """Every name of a behaviour file against the map."""
    known = [*map.milestones, *DRAWN]
    for name, habit in behaviour.milestones.items():
        place = behaviour.place("milestones", name, key=True)
        if map.canonical(name) != name:
            faults.add(place, "unknown-milestone", f"write `{map.canonical(name)}`, as the map calls `{name}`")
        elif name not in known:
            own = name in map.own_milestones
            says = "is made by Milepost itself" if own else "is not declared in the map"
            faults.add(place, "unknown-milestone", f"the milestone `{name}` {says}", did_you_mean(name, known))
        elif (rule := map.milestones.get(name)) and rule.when:
            faults.add(place, "unknown-milestone", f"`{name}` happens by itself, when {rule.when}")
        _check_habit(name, habit, behaviour, map, faults)
    types = map.customer_types()
    for name, weights in behaviour.customers.items():
        if name not in types:
            place = behaviour.place("customers", name, key=True)
            faults.add(place, "unknown-attribute", f"there is no attribute `{name}`", did_you_mean(name, types))
            continue
        rule_ = map.attributes.get(name)
        for value in weights:
            place = behaviour.place("customers", name, value, key=True)
            if name == "time_zone" and not is_zone(value):
                faults.add(place, "unknown-time-zone", f"`{value}` is not a time zone; write for example Europe/Paris")
            elif rule_ and rule_.one_of and value not in rule_.one_of:
                hint = did_you_mean(value, rule_.one_of)
                faults.add(place, "unknown-value", f"`{value}` is not a value of `{name}`", hint)
            else:
                _check_type(name, value, types[name], place, faults)
    for one in written(dict.fromkeys(behaviour.consent, True)):
        if one.topic not in map.topics:
            place = behaviour.place("consent", one.topic, key=True)
            hint = did_you_mean(one.topic, map.topics)
            faults.add(place, "unknown-topic", f"there is no topic `{one.topic}`", hint)


def _check_habit(name: str, habit: Habit, behaviour: Behaviour, map: Map, faults: Faults) -> None:
    others = [one for one in behaviour.milestones if one != name]
    if habit.from_ != ENTRY and habit.from_ not in others:
        hint = did_you_mean(habit.from_, others)
        message = f"`{habit.from_}` is no other milestone of this file, so nothing can follow it"
        faults.add(habit.place("from"), "unknown-milestone", message, hint)
    elif habit.from_ != ENTRY and name in DRAWN and habit.from_ not in DRAWN:
        message = f"`{name}` follows a message, or what happened to the same message"
        faults.add(habit.place("from"), "wrong-value", message)
    elif habit.from_ in DRAWN and name not in DRAWN:
        message = f"`{habit.from_}` happens to each message, and `{name}` to the customer"
        faults.add(habit.place("from"), "wrong-value", message)
    elif _circles(name, behaviour):
        faults.add(habit.place("from"), "wrong-value", f"`{name}` follows itself, so it never happens")
    types = map.properties_of(name) or {}
    for key, weights in habit.with_.items():
        if key not in types:
            hint = did_you_mean(key, types)
            place = habit.place("with", key, key=True)
            faults.add(place, "unknown-property", f"`{name}` has no property `{key}`", hint)
            continue
        for value in weights:
            _check_type(key, value, types[key], habit.place("with", key, value, key=True), faults)


def _circles(name: str, behaviour: Behaviour) -> bool:
    seen, at = {name}, behaviour.milestones[name].from_
    while at in behaviour.milestones:
        if at in seen:
            return at == name
        seen.add(at)
        at = behaviour.milestones[at].from_
    return False


def _check_type(name: str, value: str, type: str, place: Place, faults: Faults) -> None:
    try:
        typed(name, value, type)
    except NotOfItsType as error:
        faults.add(place, "wrong-value", str(error))
