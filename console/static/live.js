// A page that moves by itself: it listens while it is looked at, and says so when nobody answers.

import { localize } from "./console.js";

const SILENCE = 12_000; // milliseconds; the server says something every five seconds
const AGAIN = 2_000;
const BREATH = 5_000;
const STREAMS = 4; // of the six connections that a browser opens to one server

const place = document.getElementById("live");
let source = null;
let release = null;
let turn = 0;
let timer = 0;
let seen = null;
let key = null;

/** Listen; a tab for which no connection is left takes a look every few seconds instead. */
async function open() {
  close();
  const mine = turn;
  const slot = await hold();
  if (mine !== turn) return slot?.();
  release = slot;
  source = new EventSource(place.dataset.live);
  source.addEventListener("beat", alive);
  source.addEventListener("html", (event) => { alive(); put(event.data); });
  source.addEventListener("key", (event) => {
    alive();
    changed(event.data);
    if (!release) after(BREATH, open);
  });
  source.addEventListener("problem", (event) => { watch(); lost(event.data); });
  source.addEventListener("error", () => {
    lost();
    if (source?.readyState === EventSource.CLOSED) after(AGAIN, again);
  });
  watch();
}

function close() {
  turn += 1;
  clearTimeout(timer);
  source?.close();
  release?.();
  source = release = null;
}

function after(delay, next) {
  close();
  timer = setTimeout(next, delay);
}

function watch() {
  clearTimeout(timer);
  timer = setTimeout(() => { lost(); again(); }, SILENCE);
}

/** Begin anew, unless it is not us any more whom the server knows: then the page says so. */
async function again() {
  close();
  const mine = turn;
  try {
    const answer = await fetch(location.href, { redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
  } catch { /* still away */ }
  if (mine === turn) open();
}

/** One of the connections that streams may take, shared with all tabs; its end, or null. */
function hold() {
  if (!navigator.locks) return () => {};
  return new Promise((resolve) => {
    const ask = (number) => {
      if (number === STREAMS) return resolve(null);
      navigator.locks.request(`live-${number}`, { ifAvailable: true }, (lock) =>
        lock ? new Promise((end) => resolve(end)) : void ask(number + 1));
    };
    ask(0);
  });
}

function alive() {
  seen = new Date();
  say("live", "Live");
  watch();
}

function lost(why = "") {
  const last = seen ? `last seen ${seen.toLocaleTimeString()}` : "not seen yet";
  say("lost", `Not live: ${last}; trying again. ${why}`.trim());
}

function say(state, words) {
  if (place.dataset.state !== state) place.dataset.state = state;
  if (place.textContent !== words) place.textContent = words;
}

/** Put each piece in the place of the one with its id, where the page has that. */
function put(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  localize(template.content);
  for (const fresh of template.content.children) {
    const old = document.getElementById(fresh.id);
    if (old && !old.isEqualNode(fresh)) {
      htmx.swap({ sourceElement: old, target: old, text: fresh.outerHTML, swap: "outerMorph" });
    }
  }
}

/** What is asked for by itself is asked for again. */
function changed(now) {
  if (key !== null && key !== now) htmx.trigger(document.body, "changed");
  key = now;
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => event.persisted && open());
if (!document.hidden) open();
