"""What is measured of a page that is open: faults of accessibility, scrolling, shifts, what the keyboard reaches."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, NamedTuple

from playwright.async_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")

GRAVE = frozenset({"serious", "critical"})

SHIFT = 0.05
"""How far a page may move while it loads, as browsers count it (cumulative layout shift)."""

_RUN = """async (only) => {
  const rules = only ? { runOnly: { type: "rule", values: [only] } } : {};
  const found = await axe.run(document, { iframes: false, resultTypes: ["violations"], ...rules });
  return found.violations.map(({ id, impact, help, nodes }) => ({
    id, impact, help, nodes: nodes.slice(0, 4).map(({ html, failureSummary }) => [html.slice(0, 200), failureSummary]),
  }));
}"""

_WIDER = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (one) => getComputedStyle(one).overflowX !== "visible";
  const within = (one) => { while ((one = one.parentElement)) if (one !== document.body && scrolls(one)) return true; };
  return [...document.querySelectorAll("body *")].filter((one) => !within(one))
    .map((one) => [one, one.getBoundingClientRect(), !scrolls(one)])
    // Its box, or the words that stick out of it.
    .map(([one, box, open]) => [one, Math.round(open ? Math.max(box.right, box.left + one.scrollWidth) : box.right)])
    .filter(([one, right]) => right > width + 1)
    .map(([one, right]) => `${one.localName}.${one.getAttribute("class")} to ${right} px`)
    .concat(`the page is ${document.documentElement.scrollWidth} px wide`).slice(0, 8);
}"""

_REACHABLE = """() => {
  const found = [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex='-1'])")]
    .filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }) && one.tabIndex >= 0)
    // Of radio buttons with one name the arrows reach the others.
    .filter((one) => one.type !== "radio" || one === (one.form.querySelector(`[name="${one.name}"]:checked`)
      ?? one.form.querySelector(`[name="${one.name}"]`)));
  window.reachable = found;
  return found.map((one) => one.outerHTML.slice(0, 120));
}"""

_FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  // What is within a frame has the focus there; browsers draw it within.
  const outlined = one.localName === "iframe" || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const box = one.getBoundingClientRect();
  const seen = box.bottom > 0 && box.top < innerHeight && box.width > 0;
  return [window.reachable.indexOf(one), outlined, seen, one.outerHTML.slice(0, 120)];
}"""


_STOPS = 7
"""Places within a field for a date and a time at which Tab stops."""


class Fault(NamedTuple):
    """One thing that axe found; `where` are the first places, with what would mend it."""

    id: str
    impact: str
    help: str
    where: list[Any]

    def __str__(self) -> str:
        places = "\n".join(f"      {html}\n      {says}" for html, says in self.where)
        return f"{self.impact}: {self.id}, {self.help}\n{places}"


async def faults(page: Page, only: str | None = None) -> list[Fault]:
    """What axe finds on a page, of whatever impact; with `only` by this rule alone."""
    # Through the debugger, which no content security policy concerns.
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(AXE)
    return [Fault(one["id"], one["impact"], one["help"], one["nodes"]) for one in await page.evaluate(_RUN, only)]


async def grave(page: Page, only: str | None = None) -> list[str]:
    """The serious and critical ones of them, to be read."""
    return [str(fault) for fault in await faults(page, only) if fault.impact in GRAVE]


async def wider(page: Page) -> list[str]:
    """What makes a page wider than its window; nothing where it fits."""
    return list(await page.evaluate(_WIDER))


async def shifted(page: Page) -> float:
    """By how much the page has moved since it began to load."""
    # Shifts are reported with the next frame.
    await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
    return float(await page.evaluate("() => window.shifted"))


async def unreached(page: Page) -> list[str]:
    """What can be used on a page and is not reached by Tab, or not seen where it has the focus."""
    everything = await page.evaluate(_REACHABLE)
    await page.evaluate("() => { document.activeElement?.blur(); getSelection().removeAllRanges(); }")
    left, hidden = dict(enumerate(everything)), dict[str, str]()
    # Within a date Tab stops at each of its parts, the last of which shows the focus by itself.
    stops = sum(_STOPS if 'type="date' in html else 1 for html in everything)
    shown = set[str]()
    for _ in range(stops + 3):
        await page.keyboard.press("Tab")
        found = await page.evaluate(_FOCUSED)
        if found is None:
            continue
        number, outlined, seen, html = found
        left.pop(number, None)
        if outlined and seen:
            shown.add(html)
        else:
            hidden[html] = "outside of the window" if outlined else "no visible focus"
    return [f"never reached: {html}" for html in left.values()] + [
        f"{why}: {html}" for html, why in hidden.items() if html not in shown
    ]
