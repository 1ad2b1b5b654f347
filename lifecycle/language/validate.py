"""From a `Source` to a pydantic model, with every mistake reported at its place and in the author's words.

Models of authored files derive from `Authored`: an object remembers where in its file it stands (`place()`), and keys
that it does not know are reported with the nearest right one, without hiding the other mistakes of the same object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, ValidationError, ValidationInfo
from pydantic import model_validator as pydantic_model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from lifecycle.language.faults import Faults, Place, did_you_mean
from lifecycle.language.source import Path, Source


@dataclass(slots=True)
class _Reading:
    source: Source
    faults: Faults


class Authored(BaseModel):
    """A part of a file that people write."""

    # Built at first use: pydantic would else compile each part by itself, and again within what it is a part of, which
    # took a third of the time of `milepost check`.
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=True, defer_build=True
    )
    _source: Source | None = PrivateAttr(default=None)
    _path: Path = PrivateAttr(default=())

    @pydantic_model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler[Any], info: ValidationInfo) -> Any:
        reading = info.context
        if not isinstance(reading, _Reading) or not isinstance(data, dict):
            return handler(data)
        path = reading.source.paths.get(id(data))
        known = {f.alias or name for name, f in cls.model_fields.items()}
        strict = cls.model_config.get("extra") != "allow"
        unknown = [key for key in data if key not in known and strict]
        for key in unknown:
            place = reading.source.place((*(path or ()), key), key=True)
            reading.faults.add(place, "unknown-key", f"`{key}` is not known here", _hint(str(key), known))
        model = handler({key: value for key, value in data.items() if key in known} if unknown else data)
        if path is not None:
            model._stands(reading.source, path)
            model._adopt(reading.source, path)
        return model

    def _stands(self, source: Source, path: Path) -> None:
        # Set as pydantic keeps them: its own way to private attributes takes a large part of the time of a check.
        private = self.__pydantic_private__
        assert private is not None
        private["_source"], private["_path"] = source, path

    def _adopt(self, source: Source, path: Path) -> None:
        """A part that was written in its short form (`goal: purchase`) stands where its text stands."""
        for name, field in type(self).model_fields.items():
            value, key = getattr(self, name), field.alias or name
            parts = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, part in parts:
                if isinstance(part, Authored) and (part.__pydantic_private__ or {}).get("_source") is None:
                    part._stands(source, (*path, key) if index is None else (*path, key, index))

    def place(self, *keys: str | int, key: bool = False) -> Place:
        """Where this part stands in its file, or where its value at `keys` (or, with `key`, that key) does."""
        private = self.__pydantic_private__ or {}
        source: Source | None = private.get("_source")
        return source.place((*private["_path"], *keys), key=key) if source is not None else Place("?")


M = TypeVar("M", bound=Authored)


def validate(model: type[M], source: Source, faults: Faults) -> M | None:
    """Read `source` as `model`. Mistakes go to `faults`; None when there is no usable model."""
    if not isinstance(source.data, dict):
        what = "is empty" if source.data is None else "must be a list of `key: value` lines"
        faults.add(source.place(()), "not-a-mapping", f"this file {what}")
        return None
    before = len(faults.errors)
    try:
        found = model.model_validate(source.data, context=_Reading(source, faults))
    except ValidationError as error:
        for detail in error.errors():
            _report(detail, source, faults)
        return None
    return found if len(faults.errors) == before else None


def mistake(code: str, message: str, suggestion: str | None = None) -> PydanticCustomError:
    """What a validator of an `Authored` model raises: the message reaches the author as it is."""
    return PydanticCustomError(code, "{message}", {"message": message, "suggestion": suggestion})


def _hint(wrong: str, known: set[str]) -> str:
    return did_you_mean(wrong, known) or "known here: " + ", ".join(f"`{name}`" for name in sorted(known))


def _report(detail: ErrorDetails, source: Source, faults: Faults) -> None:
    path = _path_of(detail["loc"], source.data)
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "missing":
        name = detail["loc"][-1]
        faults.add(source.place(path), "missing-key", f"`{name}` is missing here")
    elif "message" in context:
        faults.add(source.place(path), kind, str(context["message"]), context.get("suggestion"))
    else:
        wrong = detail["input"]
        shown = f"`{wrong}`" if isinstance(wrong, str | int | float | bool) else _shape(wrong)
        faults.add(source.place(path), "wrong-value", f"{shown} does not fit here: {_plain(detail)}")


def _path_of(loc: tuple[int | str, ...], data: Any) -> Path:
    """pydantic's location without the names of union members, which are not in the file."""
    path: list[str | int] = []
    for part in loc:
        inside: Mapping[Any, Any] = data if isinstance(data, dict) else {}
        if isinstance(data, list):
            inside = dict(enumerate(data))
        if part in inside:
            data = inside[part]
            path.append(part)
    return tuple(path)


def _shape(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list) else "a group of keys" if isinstance(value, dict) else "this"


_PLAIN = {
    "string_type": "write a text",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "list_type": "write a list, each entry on a line that begins with `- `",
    "dict_type": "write `key: value` lines",
    "model_type": "write `key: value` lines",
    "model_attributes_type": "write `key: value` lines",
}


def _plain(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] in ("literal_error", "enum"):
        hint = context.get("expected", "").replace("'", "`")
        return f"write {hint}"
    return _PLAIN.get(detail["type"], detail["msg"][:1].lower() + detail["msg"][1:])
