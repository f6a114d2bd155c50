// A small client of the tus 1.0.0 protocol: sends a file in pieces, picks up where it stopped, can be paused.
"use strict";

const PIECE_BYTES = 8 * 1024 * 1024;
const TRIES = 8;
const TUS = { "Tus-Resumable": "1.0.0" };

class Refused extends Error {}

class TusUpload {
  /** `told(sentBytes)` is called as bytes leave; the file's name never leaves. */
  constructor(file, endpoint, told) {
    this.file = file;
    this.endpoint = endpoint;
    this.told = told;
    this.key = `ictogram upload ${file.size} ${file.lastModified}`;
    this.paused = false;
  }

  /** Sends everything; gives the upload's id. Throws `Refused` with a sentence when the server will not have it. */
  async send() {
    let location = localStorage.getItem(this.key);
    let offset = location ? await this.offsetOf(location) : null;
    if (offset === null) {
      location = await this.create();
      offset = 0;
    }
    let tries = 0;
    while (offset < this.file.size) {
      try {
        await this.untilResumed();
        offset = await this.sendPiece(location, offset);
        tries = 0;
      } catch (error) {
        if (error instanceof Refused) {
          localStorage.removeItem(this.key);
          throw error;
        }
        tries += 1;
        if (tries > TRIES) {
          throw new Error("The connection is lost. What has been sent is kept: choose the same file to go on.");
        }
        await new Promise((done) => setTimeout(done, Math.min(500 * 2 ** tries, 15000)));
        offset = (await this.offsetOf(location).catch(() => offset)) ?? offset;
      }
    }
    return location.replace(/\/$/, "").split("/").pop();
  }

  /** Forgets where it was: the case is open. */
  done() {
    localStorage.removeItem(this.key);
  }

  pause(paused) {
    this.paused = paused;
    if (paused) {
      this.request?.abort();
    } else {
      this.resume?.();
    }
  }

  async untilResumed() {
    if (this.paused) {
      await new Promise((resume) => {
        this.resume = resume;
      });
    }
  }

  async create() {
    const reply = await fetch(this.endpoint, { method: "POST", headers: { ...TUS, "Upload-Length": String(this.file.size) } });
    if (!reply.ok) {
      throw new Refused((await reply.json()).detail);
    }
    const location = reply.headers.get("Location");
    localStorage.setItem(this.key, location);
    return location;
  }

  /** How much the server has; null when it knows nothing of it. */
  async offsetOf(location) {
    const reply = await fetch(location, { method: "HEAD", headers: TUS });
    return reply.ok ? Number(reply.headers.get("Upload-Offset")) : null;
  }

  sendPiece(location, offset) {
    return new Promise((sent, failed) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("PATCH", location);
      request.setRequestHeader("Tus-Resumable", "1.0.0");
      request.setRequestHeader("Upload-Offset", String(offset));
      request.setRequestHeader("Content-Type", "application/offset+octet-stream");
      request.upload.onprogress = (event) => this.told(offset + event.loaded);
      request.onload = () => {
        if (request.status === 204) {
          sent(Number(request.getResponseHeader("Upload-Offset")));
        } else if ([409, 423, 429].includes(request.status) || request.status >= 500) {
          failed(new Error("try again"));
        } else {
          failed(new Refused(sentenceIn(request)));
        }
      };
      request.onerror = () => failed(new Error("no connection"));
      request.onabort = () => failed(new Error("paused"));
      request.send(this.file.slice(offset, offset + PIECE_BYTES));
    });
  }
}

function sentenceIn(request) {
  try {
    return JSON.parse(request.responseText).detail;
  } catch {
    return `The server answered ${request.status}.`;
  }
}
