"""The templates of the console, and what they may call: addresses, times, numbers."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from whenever import Instant

from console.parts import Parts
from lifecycle.step_words import any_of

HERE = Path(__file__).parent

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_STATIC = {file.name: file.read_bytes() for file in sorted((HERE / "static").iterdir()) if file.suffix in _KINDS}
_VERSIONS = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in _STATIC.items()}

router = APIRouter()


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """A stylesheet, script or picture. Its address changes with its content, so browsers keep it."""
    if name not in _STATIC:
        return Response(status_code=404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(_STATIC[name], media_type=_KINDS[Path(name).suffix], headers=headers)


def parts_of(request: Request) -> Parts:
    """What the application was handed."""
    return cast("Parts", request.app.state.parts)


def address(request: Request, *place: object, **query: object) -> str:
    """The path of a page: `address(request, "customers", id, "pause")`. Empty values of the query are left out."""
    path = "/".join([parts_of(request).base, *(quote(str(one), safe="") for one in place or ("",))])
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


# --- what templates may call ---------------------------------------------------------------------------------------


@pass_context
def _time(context: Context, at: Instant | None, other: str | None = None) -> Markup:
    """An instant in the viewer's zone, and beside it in another (the customer's) where the clocks differ."""
    if at is None:
        return Markup("–")
    mine, theirs = at.to_tz(context["zone"]), at.to_tz(other) if other else None
    said = Markup('<time datetime="{}">{}</time>').format(at.round("second").format_iso(), _clock(mine))
    if theirs is not None and theirs.offset != mine.offset:
        said += Markup(' <span class="muted">({} {})</span>').format(_clock(theirs), _city(other or ""))
    return said


def _clock(local: Any) -> str:
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[local.date().day_of_week().value - 1]
    month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[local.month - 1]
    return f"{day} {local.day} {month} {local.year}, {local.hour:02}:{local.minute:02}"


def _wall_clock(at: Instant, zone: str) -> str:
    """`09:05`: what clocks in a zone show."""
    there = at.to_tz(zone)
    return f"{there.hour:02}:{there.minute:02}"


def _city(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ")


@pass_context
def _date(context: Context, at: Instant | None) -> Markup:
    if at is None:
        return Markup("–")
    return Markup('<time datetime="{}">{}</time>').format(
        at.round("second").format_iso(), _clock(at.to_tz(context["zone"])).partition(",")[0]
    )


@pass_context
def _to(context: Context, *place: object, **query: object) -> str:
    return address(context["request"], *place, **query)


@pass_context
def _static_address(context: Context, name: str) -> str:
    return address(context["request"], "static", name, v=_VERSIONS[name])


def _number(value: float) -> str:
    return f"{value:,}"


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def _plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _browser(agent: str | None) -> str:
    """A browser in a few words, as far as it tells: `Firefox on Linux`."""
    told = agent or ""
    names = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "Mac",
               "Linux": "Linux"}  # fmt: skip
    name = next((said for sign, said in names.items() if sign in told), "a browser")
    system = next((said for sign, said in systems.items() if sign in told), None)
    return f"{name} on {system}" if system else name


def _made() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        time=_time,
        date=_date,
        number=_number,
        percent=_percent,
        plural=_plural,
        city=_city,
        browser=_browser,
        clock=_wall_clock,
        any_of=any_of,
    )
    made.globals.update(to=_to, static=_static_address)
    return made


templates = _made()
"""The templates; all that they show is escaped."""
