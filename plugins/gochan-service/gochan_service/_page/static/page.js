"use strict";
// Everything works without this; it keeps the page up to date.

// What a terminal would obey: see _plain_log.py, which says the same for the part of a log that is
// in the page from the start.
const SEQUENCES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^]*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;
const OTHERS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const MOST = 4_000_000; // letters of a log that are kept here

const live = document.querySelector("[data-live]");
const told = document.getElementById("live");

function plain(text) {
  return text.replace(SEQUENCES, "").replace(/\r\n?/g, "\n").replace(OTHERS, "\ufffd");
}

// The parts of the page that have changed are replaced, but for those that keep themselves.
async function refresh() {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (response.redirected || !response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("main");
  if (!fresh) return;
  const focus = document.activeElement && document.activeElement.id;
  const typed = new Map([...live.querySelectorAll("input[id], select[id]")].map((e) => [e.id, e.value]));
  for (const kept of live.querySelectorAll("[data-keep]")) {
    const place = fresh.querySelector("#" + kept.id);
    if (place && place.dataset.log === kept.dataset.log) place.replaceWith(kept);
  }
  live.replaceChildren(...fresh.childNodes);
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (field && live.contains(field)) field.value = value;
  }
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  follow();
}

let busy = false;
let again = false;
async function refreshSoon() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    do {
      again = false;
      await refresh();
      await new Promise((done) => setTimeout(done, 300));
    } while (again);
  } finally {
    busy = false;
  }
}

let followed = null;
function follow() {
  const log = document.getElementById("log");
  if (!log || (followed && followed.url === log.dataset.log)) return;
  followed?.source.close();
  const url = log.dataset.log + "&offset=" + log.dataset.offset;
  const source = new EventSource(url);
  followed = { url: log.dataset.log, source };
  source.onmessage = (event) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(plain(JSON.parse(event.data)));
    let length = log.textContent.length;
    while (length > MOST && log.childNodes.length > 1) {
      length -= log.firstChild.length;
      log.firstChild.remove();
    }
    if (atEnd) log.scrollTop = log.scrollHeight;
  };
  source.addEventListener("end", () => {
    source.close();
    refreshSoon();
  });
}

if (live) {
  const events = new EventSource(live.dataset.live);
  events.addEventListener("queue", refreshSoon);
  events.onopen = () => { told.textContent = "live"; };
  events.onerror = () => { told.textContent = "not live: the server cannot be reached"; };
  const log = document.getElementById("log");
  if (log) log.scrollTop = log.scrollHeight;
  follow();
}
