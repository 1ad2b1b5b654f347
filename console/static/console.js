// What pages do with a script: tell the browser's time zone, follow what happens, find as one types, copy.
// Every page works without it.
"use strict";

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const base = document.querySelector(".brand")?.getAttribute("href") ?? "/console/";
  const path = base.replace(/\/$/, "");
  if (zone && !document.cookie.split("; ").includes(`milepost_zone=${encodeURIComponent(zone)}`)) {
    document.cookie = `milepost_zone=${encodeURIComponent(zone)}; path=${path}; max-age=31536000; samesite=lax`;
  }

  // On a telephone the row of pages is wider than the window: the page that one is on is to be seen in it.
  const rooms = document.querySelector(".rooms"), here = rooms?.querySelector("[aria-current]");
  if (here) rooms.scrollLeft = here.offsetLeft - (rooms.clientWidth - here.offsetWidth) / 2;

  // --- follow what happens: ask again, and put what is new in the place of each part that has `data-live` ---

  const poll = Number(document.body.dataset.poll);
  const says = document.getElementById("live");
  let mark = null;

  const settled = (element) => !element.contains(document.activeElement) || element === document.activeElement;

  const swap = (next) => {
    for (const fresh of next.querySelectorAll("[data-live][id]")) {
      const old = document.getElementById(fresh.id);
      if (!old || old.innerHTML === fresh.innerHTML) continue;
      const open = [...old.querySelectorAll("details[open][id]")].map((one) => one.id);
      const scrolled = [...old.querySelectorAll("[id]")].filter((one) => one.scrollTop || one.scrollLeft);
      const places = scrolled.map((one) => [one.id, one.scrollLeft, one.scrollTop]);
      const focused = old.contains(document.activeElement) ? document.activeElement.id : null;
      if (!settled(old) && !focused) continue; // somebody is at work in it
      old.innerHTML = fresh.innerHTML;
      showLit();
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      for (const [id, left, top] of places) document.getElementById(id)?.scrollTo({ left, top, behavior: "instant" });
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
      old.classList.remove("changed");
      void old.offsetWidth;
      old.classList.add("changed");
    }
  };

  const ask = async () => {
    let wait = poll;
    try {
      if (!document.hidden) {
        const answer = await fetch(location.href, {
          headers: { "If-None-Match": mark ?? '"none"' }, cache: "no-store", credentials: "same-origin", redirect: "error",
        });
        if (answer.status === 200) {
          const first = mark === null;
          mark = answer.headers.get("etag");
          const text = await answer.text();
          swap(new DOMParser().parseFromString(text, "text/html"), first);
        } else if (answer.status === 401) {
          says.textContent = "Your session is over. Sign in again.";
          return;
        } else if (answer.status !== 304) {
          throw new Error(String(answer.status));
        }
        says.textContent = "This page follows what happens.";
      }
    } catch {
      says.textContent = "No answer; trying again.";
      wait = Math.max(poll, 5000);
    }
    setTimeout(ask, wait);
  };

  if (poll && says) {
    setTimeout(ask, poll);
    document.addEventListener("visibilitychange", () => { mark = document.hidden ? mark : null; });
  }

  // --- a picture that is larger than its place shows the step at which somebody is ---

  const showLit = () => {
    for (const box of document.querySelectorAll(".picture-box")) {
      const lit = box.querySelector(".step-lit");
      if (!lit || box.dataset.shown === "yes") continue;
      const [place, step] = [box.getBoundingClientRect(), lit.getBoundingClientRect()];
      if (!place.height) continue; // within details that are closed
      box.scrollTop += step.top - place.top - place.height / 3;
      box.scrollLeft += step.left - place.left - (place.width - step.width) / 2;
      box.dataset.shown = "yes";
    }
  };
  showLit();
  document.addEventListener("toggle", showLit, true);

  // --- find as one types: a form with `data-find` shows the same page's part of that id ---

  for (const form of document.querySelectorAll("form[data-find]")) {
    const target = document.getElementById(form.dataset.find);
    let timer = 0, number = 0;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const mine = ++number;
        const url = new URL(form.action);
        for (const [name, value] of new FormData(form)) url.searchParams.set(name, value);
        try {
          const answer = await fetch(url, { cache: "no-store", redirect: "error" });
          if (!answer.ok || mine !== number) return;
          const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(target.id);
          if (next) target.innerHTML = next.innerHTML;
          history.replaceState(null, "", url);
        } catch { /* the form itself still works */ }
      }, 120);
    });
  }

  // --- copy: a button with `data-copy` puts that text on the clipboard ---

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });

  // A menu closes by Escape, and by a click elsewhere.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const one of document.querySelectorAll("details.who[open]")) one.removeAttribute("open");
  });
})();
