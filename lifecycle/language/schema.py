"""JSON Schema of the files that marketing writes: completion, the meaning of each key, and typos while typing.

- It is made from the models that read the files, so that it knows every key that they know and no other.
- pydantic sees what a value becomes; what may be written for it is added here: `goal: purchase` for a mapping, one text
  for a list, `5%` for a number, and what a length of time looks like.
- A schema sees one file. Whether a name exists, and all that lies between files, only `milepost check` can tell.
- Draft 7, which the YAML extensions of editors read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from lifecycle.language import playbook
from lifecycle.language.map import Map
from lifecycle.language.meanings import MEANINGS, STEP_ID
from lifecycle.language.scenario import Scenarios
from lifecycle.language.segments import NAME, Segment, Segments
from lifecycle.language.validate import Authored

Kind = Literal["playbook", "map", "segments", "tests"]
KINDS: tuple[Kind, ...] = get_args(Kind)

DRAFT = "http://json-schema.org/draft-07/schema#"

_MODELS: dict[Kind, type[Authored]] = {
    "playbook": playbook.Playbook, "map": Map, "segments": Segments, "tests": Scenarios,
}  # fmt: skip
_TITLES: dict[Kind, str] = {
    "playbook": "A playbook of Milepost: playbooks/STAGE/NAME.yaml",
    "map": "The customer journey map of Milepost: playbooks/map.yaml",
    "segments": "The segments of Milepost: playbooks/segments.yaml",
    "tests": "The scenarios of a playbook of Milepost: playbooks/STAGE/NAME.test.yaml",
}
_STEPS = ("Send", "Wait", "WaitFor", "Branch", "Split", "Task", "Repeat", "Set", "Record", "Enrol", "Exit")
LATER = playbook.Later.__name__
"""Reserved steps, which an editor should not offer yet."""

_UNIT = "(?:[Ww]orking [Dd]ay|[Bb]usiness [Dd]ay|[Mm]onth|[Ww]eek|[Dd]ay|[Hh]our|[Mm]inute|[Ss]econd)s?"
_ISO = (
    r"^\s*P(?=[0-9]|T[0-9])(?:[0-9]+M)?(?:[0-9]+W)?(?:[0-9]+D)?"
    r"(?:T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+S)?)?\s*$"
)
_CLOCK = "[0-9]{1,2}:[0-9]{2}"


def _reader(type_: Any) -> Any:
    """The function that reads what was written for a type of the language."""
    return type_.__metadata__[0].func


# What an author may write, by the function that reads it.
_WRITTEN: dict[Any, dict[str, Any]] = {
    _reader(playbook.Span): {
        "type": "string",
        "pattern": rf"^\s*(?:[0-9]+\s*{_UNIT}[ ,]*(?:and )?\s*)+$|{_ISO}",
        "examples": ["3 days", "2 weeks", "72 hours", "1 working day"],
    },
    _reader(playbook.Clock): {"type": "string", "pattern": f"^{_CLOCK}$", "examples": ["10:00"]},
    _reader(playbook.HoursOfDay): {
        "type": "string", "pattern": f"^{_CLOCK} to {_CLOCK}$", "examples": ["08:00 to 21:00"],
    },
    _reader(playbook.Until): {
        "type": "string", "examples": ["day 14", "tuesday 10:00", "30 days before customer.renews_on", "2026-12-24"],
    },
    _reader(playbook.Schedule): {"type": "string", "examples": ["0 9 * * MON"]},
    _reader(playbook.Percent): {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 90},
            {"type": "string", "pattern": r"^(?:[0-9]|[1-8][0-9]|90)(?:\.[0-9]+)?%$"},
        ],
        "examples": ["5%"],
    },
    _reader(playbook.Names): {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
    },
}  # fmt: skip

_ALONE = {("Playbook", "goal"): "Goal", ("Playbook", "entry"): "Entry", ("WaitFor", "wait_for"): "Listen"}
"""Where the milestone alone stands for the mapping."""

_EXACTLY_ONE = {
    "Entry": ["milestone", "segment", "schedule", "date"],
    "Leave": ["milestone", "if"],
    "Given": ["milestone", "set", "pause", "resume", "exit"],
}


def schema_of(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of one kind of file."""
    model = _MODELS[kind]
    made = model.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = made.pop("$defs", {})
    models = {one.__name__: one for one in _within(model)}
    for name, definition in [(model.__name__, made), *definitions.items()]:
        if name in models and name != LATER:
            _put_right(definition, models[name])
    definitions.pop(LATER, None)
    if kind == "playbook":
        step = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in _STEPS]}
        definitions["Step"] = step | {"description": f"A step: one of {', '.join(_words())}."}
    if kind == "segments":
        segments = made.pop("additionalProperties")
        made |= {"patternProperties": {NAME: segments}, "additionalProperties": False}
    made |= {"title": _TITLES[kind]}
    return {"$schema": DRAFT, **made, "$defs": dict(sorted(definitions.items()))}


def _words() -> list[str]:
    return [f"`{kind}`" for kind in playbook.KINDS if kind not in playbook.Later.model_fields]


def _within(model: type[Authored]) -> Iterator[type[Authored]]:
    """A model and all those that its fields lead to."""
    found: set[type[Authored]] = set()
    waiting: list[Any] = [model, Segment]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, type) or not issubclass(part, Authored):
            waiting.extend(get_args(part))
        elif part not in found:
            found.add(part)
            waiting.extend(field.annotation for field in part.model_fields.values())
    yield from found


def _put_right(definition: dict[str, Any], model: type[Authored]) -> None:
    """Give a model's schema what may be written for it, and the meaning of each key."""
    name, properties = model.__name__, definition.get("properties", {})
    definition.pop("title", None)
    for field_name, field in model.model_fields.items():
        key = field.alias or field_name
        shape = _shape(properties[key], field)
        if (name, key) in _ALONE:
            ways: list[Any] = [{"type": "string"}, {"$ref": f"#/$defs/{_ALONE[name, key]}"}]
            if name == "WaitFor":
                ways.insert(1, {"type": "array", "items": {"type": "string"}, "minItems": 1})
            shape = {"anyOf": ways}
        elif (name, key) == ("Playbook", "exit"):
            shape["items"] = {"anyOf": [{"type": "string"}, shape["items"]]}
        meaning = STEP_ID if key == "id" else MEANINGS[name][key]
        properties[key] = {"description": meaning[0].upper() + meaning[1:], **shape}
    if name in _EXACTLY_ONE:
        definition["oneOf"] = [{"required": [key]} for key in _EXACTLY_ONE[name]]
    if name == "Given":  # other keys are properties of a milestone, and nothing else has any
        for way in definition["oneOf"][1:]:
            way["propertyNames"] = {"enum": list(properties)}
    if name == "Arm":
        definition["oneOf"] = [{"required": ["if", "then"]}, {"required": ["else"]}]


def _shape(shape: dict[str, Any], field: FieldInfo) -> dict[str, Any]:
    """What a field may hold, as its author writes it."""
    shape = {key: value for key, value in shape.items() if key not in ("title", "default")}
    ways = [way for way in shape.get("anyOf", ()) if way != {"type": "null"}]
    if ways:
        shape = ways[0] if len(ways) == 1 else {"anyOf": ways}
    written = _written(field.metadata, field.annotation)
    if written is not None:
        others = [way for way in shape.get("oneOf", ()) if "$ref" in way]
        shape = {"anyOf": [written, *others]} if others else dict(written)
    items = shape.get("items", {})
    if any(way.get("$ref") == "#/$defs/Send" for way in items.get("oneOf", ())):
        shape["items"] = {"$ref": "#/$defs/Step"}
    if "patternProperties" in shape:
        shape["additionalProperties"] = False  # names that fit no pattern are no names
    for one in field.metadata:
        if isinstance(pattern := getattr(one, "pattern", None), str):
            shape.setdefault("pattern", pattern)  # pydantic forgets it behind a validator
    if "$ref" in shape:
        shape = {"allOf": [shape]}  # draft 7 reads nothing beside a `$ref`
    default = field.get_default(call_default_factory=False)
    if isinstance(default, str | int | float) and default != "":
        shape["default"] = default
    return shape


def _written(metadata: Iterable[Any], annotation: Any) -> dict[str, Any] | None:
    for one in (*metadata, *getattr(annotation, "__metadata__", ())):
        found = _WRITTEN.get(getattr(one, "func", None))
        if found is not None:
            return found
    if get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            if (found := _written((), part)) is not None:
                return found
    return None
