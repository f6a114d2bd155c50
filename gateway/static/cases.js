// Keeps the list of cases fresh while something in it is under way: asks for the page again and takes over its rows.
"use strict";

const EVERY_MS = 3000;
const LIVE = '[data-status="queued"], [data-status="running"]';

async function refresh() {
  const body = document.querySelector("table[data-live] tbody");
  if (!body || document.hidden || !body.querySelector(LIVE)) {
    return;
  }
  const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!reply.ok) {
    return;
  }
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html").querySelector("table[data-live] tbody");
  if (fresh && fresh.innerHTML !== body.innerHTML) {
    const focused = document.activeElement?.getAttribute?.("href");
    body.replaceWith(document.adoptNode(fresh));
    if (focused) {
      document.querySelector(`table[data-live] a[href="${CSS.escape(focused)}"]`)?.focus();
    }
  }
}

setInterval(() => refresh().catch(() => undefined), EVERY_MS);
