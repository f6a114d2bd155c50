// The case page: live progress, the player and its timelines, cancel and retry. Reading works without this file.
"use strict";

const base = document.body.dataset.base;
const actions = document.getElementById("actions");
const caseId = actions.dataset.case;
const ENDED = ["reported", "failed", "cancelled"];
const FRAME_S = 1 / 30;

function say(text, bad) {
  const line = document.getElementById("said");
  line.textContent = text;
  line.classList.toggle("bad", Boolean(bad));
  line.hidden = false;
}

function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const rest = String(((tenths % 600) / 10).toFixed(1)).padStart(4, "0");
  return `${Math.floor(tenths / 600)}:${rest}`;
}

// --- cancel, retry, run again

actions.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button) {
    return;
  }
  if (button.dataset.action === "cancel" && !confirm("Stop working on this case?")) {
    return;
  }
  button.disabled = true;
  try {
    const reply = await fetch(`${base}/cases/${caseId}/${button.dataset.action}`, {
      method: "POST",
      headers: { "Idempotency-Key": crypto.randomUUID() },
    });
    if (!reply.ok) {
      throw new Error((await reply.json()).detail);
    }
    location.reload();
  } catch (error) {
    say(error.message || "The gateway does not answer.", true);
    button.disabled = false;
  }
});

// --- live progress

function showStep(step) {
  const item = document.createElement("li");
  item.className = step.status;
  const what = document.createElement("span");
  what.className = "what";
  what.textContent = `${step.name[0].toUpperCase()}${step.name.slice(1)} `;
  const which = document.createElement("span");
  which.className = "quiet";
  which.textContent = step.recording_id;
  what.append(which);
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = step.status === "done" ? 1 : step.fraction;
  bar.setAttribute("aria-label", `${step.name} ${step.recording_id}`);
  const how = document.createElement("span");
  how.className = "how";
  how.textContent = step.error_message || (step.reused ? "found from before" : step.message) || step.status;
  item.append(what, bar, how);
  return item;
}

const steps = document.getElementById("steps");
if (steps && steps.dataset.live === "yes") {
  const events = new EventSource(`${base}/cases/${caseId}/events`);
  events.addEventListener("case", (event) => {
    const view = JSON.parse(event.data);
    steps.replaceChildren(...view.steps.map(showStep));
    const state = document.getElementById("state");
    if (ENDED.includes(view.case.status)) {
      events.close();
      location.reload();
    } else if (view.case.status === "running") {
      state.className = "state running";
      state.textContent = "Working";
    }
  });
}

// --- player and timelines

for (const section of document.querySelectorAll("section.recording")) {
  const video = section.querySelector("video");
  const now = section.querySelector(".now");
  const drawings = [...section.querySelectorAll("svg[data-recording]")].map((svg) => ({
    svg,
    head: svg.querySelector(".playhead"),
    start: Number(svg.dataset.start),
    end: Number(svg.dataset.end),
    left: Number(svg.dataset.left),
    right: Number(svg.dataset.right),
  }));
  let until = Infinity;

  function follow() {
    now.textContent = clock(video.currentTime);
    for (const { head, start, end, left, right } of drawings) {
      const inside = video.currentTime >= start && video.currentTime <= end;
      const x = left + ((video.currentTime - start) / (end - start)) * (right - left);
      head.setAttribute("visibility", inside ? "visible" : "hidden");
      head.setAttribute("x1", x);
      head.setAttribute("x2", x);
    }
    if (video.currentTime >= until) {
      video.pause();
      until = Infinity;
    }
  }

  function tick() {
    follow();
    if (!video.paused) {
      requestAnimationFrame(tick);
    }
  }

  function play(at, end) {
    until = end;
    video.currentTime = at;
    video.play().catch(() => follow());
    video.scrollIntoView({ block: "nearest" });
  }

  video.addEventListener("play", tick);
  video.addEventListener("seeked", follow);
  video.addEventListener("seeking", () => {
    if (video.currentTime > until) {
      until = Infinity;
    }
  });
  follow();

  section.addEventListener("click", (event) => {
    const target = event.target.closest("[data-at]");
    if (target) {
      play(Number(target.dataset.at), Number(target.dataset.until) + 0.5);
      return;
    }
    const drawing = drawings.find(({ svg }) => svg === event.target.closest("svg"));
    if (drawing) {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(drawing.svg.getScreenCTM().inverse());
      if (point.x >= drawing.left) {
        until = Infinity;
        const part = (point.x - drawing.left) / (drawing.right - drawing.left);
        video.currentTime = drawing.start + part * (drawing.end - drawing.start);
      }
    }
  });

  section.addEventListener("keydown", (event) => {
    const bar = event.target.closest("g[data-at]");
    if (bar && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      play(Number(bar.dataset.at), Number(bar.dataset.until) + 0.5);
    }
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, button, summary, a, g[data-at], video")) {
    return;
  }
  const video = [...document.querySelectorAll("video")].find((one) => one.getBoundingClientRect().bottom > 0);
  const jumps = { ArrowLeft: -1, ArrowRight: 1, ",": -FRAME_S, ".": FRAME_S };
  if (!video || !(event.key === " " || event.key in jumps)) {
    return;
  }
  event.preventDefault();
  if (event.key === " ") {
    video.paused ? video.play() : video.pause();
  } else {
    video.pause();
    video.currentTime = Math.min(Math.max(video.currentTime + jumps[event.key], 0), video.duration || 0);
  }
});
