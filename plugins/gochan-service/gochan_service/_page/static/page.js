"use strict";
// Everything works without this; it keeps the page up to date.

// What a terminal would obey: see _plain_log.py, which says the same for the part of a log that is
// in the page from the start.
const SEQUENCES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^]*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;
const OTHERS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const MOST = 4_000_000; // letters of a log that are kept here
const TIMES = 10_000; // milliseconds

const live = document.querySelector("[data-live]");
const told = document.getElementById("live");

function plain(text) {
  return text.replace(SEQUENCES, "").replace(/\r\n?/g, "\n").replace(OTHERS, "\ufffd");
}

// Parts that have changed are replaced; the others stay, with what is typed or open there.
async function refresh() {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (response.redirected) location.reload(); // the session is over
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const focus = document.activeElement?.id;
  for (const part of live.querySelectorAll("[data-part]")) {
    const fresh = page.getElementById(part.id);
    if (fresh && fresh.innerHTML !== shown.get(part.id)) show(part, fresh);
  }
  const log = page.getElementById("log");
  if (log && log.dataset.log !== document.getElementById("log").dataset.log) {
    document.getElementById("log").replaceWith(log); // that of another run
  }
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  follow();
}

// What the server said, part by part: a browser may say it in other words.
const shown = new Map();

function show(part, fresh) {
  shown.set(part.id, fresh.innerHTML);
  part.replaceChildren(...fresh.childNodes);
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
  events.onerror = () => { told.textContent = "the server cannot be reached"; };
  for (const part of live.querySelectorAll("[data-part]")) shown.set(part.id, part.innerHTML);
  setInterval(() => { if (!document.hidden) refreshSoon(); }, TIMES); // "5 s ago" gets old, too
  const log = document.getElementById("log");
  if (log) log.scrollTop = log.scrollHeight;
  follow();
}
