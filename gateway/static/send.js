// The form that sends a video in and opens a case over it.
"use strict";

const form = document.getElementById("send");
const base = document.body.dataset.base;
const field = (name) => form.elements.namedItem(name);
const message = document.getElementById("message");
const bar = document.getElementById("bar");
const pause = document.getElementById("pause");
let upload = null;

function complain(name, text) {
  const line = document.getElementById(`${name}-error`);
  line.textContent = text;
  field(name).setAttribute("aria-invalid", text ? "true" : "false");
  return !text;
}

function check() {
  const file = field("video").files[0];
  const most = Number(form.dataset.most);
  let wrong = "";
  if (!file) {
    wrong = "Choose a video.";
  } else if (file.size === 0) {
    wrong = "This file is empty.";
  } else if (file.size > most) {
    wrong = `This file has ${size(file.size)}; at most ${size(most)} are taken.`;
  }
  const fine = [complain("video", wrong), complain("identifier", field("identifier").value.trim() ? "" : "Enter the record number.")];
  form.querySelector('[aria-invalid="true"]')?.focus();
  return fine.every(Boolean);
}

function size(bytes) {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function body(uploadId) {
  const value = (name) => field(name).value.trim();
  const context = value("age") ? { age_years: Number(value("age")) } : {};
  return {
    subject: { identifier: value("identifier"), family: value("family"), given: value("given") },
    order: value("order") ? { identifier: value("order") } : null,
    context,
    priority: value("priority"),
    recordings: [{ upload_id: uploadId, mirrored: value("mirrored"), camera: value("camera"), filmed_by: value("filmed_by") }],
  };
}

async function send() {
  const file = field("video").files[0];
  upload = new TusUpload(file, `${base}/uploads`, (sent) => {
    bar.value = sent / file.size;
    message.textContent = `Sent ${size(Math.min(sent, file.size))} of ${size(file.size)}`;
  });
  const uploadId = await upload.send();
  message.textContent = "Everything is here. Opening the case.";
  const reply = await fetch(`${base}/cases`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
    body: JSON.stringify(body(uploadId)),
  });
  const answer = await reply.json();
  if (!reply.ok) {
    throw new Error(answer.detail);
  }
  upload.done();
  location.assign(`${base}/browse/${answer.case.id}`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!check()) {
    return;
  }
  const submit = document.getElementById("submit");
  submit.disabled = true;
  pause.hidden = false;
  document.getElementById("sending").hidden = false;
  message.classList.remove("error");
  try {
    await send();
  } catch (error) {
    message.textContent = error.message || "The gateway does not answer.";
    message.classList.add("error");
    submit.disabled = false;
    pause.hidden = true;
  }
});

pause.addEventListener("click", () => {
  const paused = !upload.paused;
  upload.pause(paused);
  pause.textContent = paused ? "Go on" : "Pause";
  if (paused) {
    message.textContent = "Paused. What has been sent is kept.";
  }
});

const drop = document.getElementById("drop");
for (const kind of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
  });
}
drop.addEventListener("drop", (event) => {
  field("video").files = event.dataTransfer.files;
});
