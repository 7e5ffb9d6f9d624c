// A page that moves by itself: it listens while it is looked at, and says so when nobody answers.

import { localize } from "./console.js";

const SILENCE = 12_000; // milliseconds; the server says something every five seconds
const AGAIN = 2_000;

const place = document.getElementById("live");
let source = null;
let seen = null;
let key = null;
let timer = 0;

function open() {
  close();
  source = new EventSource(place.dataset.live);
  source.addEventListener("beat", alive);
  source.addEventListener("html", (event) => { alive(); put(event.data); });
  source.addEventListener("key", (event) => { alive(); changed(event.data); });
  source.addEventListener("problem", (event) => lost(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    lost();
    if (source?.readyState === EventSource.CLOSED) again();
  });
  watch();
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

/** Begin anew, unless it is not us any more whom the server knows: then the page says so. */
function again() {
  close();
  timer = setTimeout(async () => {
    try {
      const answer = await fetch(location.href, { redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
    } catch { /* still away */ }
    open();
  }, AGAIN);
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

function watch() {
  clearTimeout(timer);
  timer = setTimeout(() => { lost(); again(); }, SILENCE);
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

function changed(now) {
  if (key !== null && key !== now) htmx.trigger(document.body, "changed");
  key = now;
}

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => event.persisted && open());
if (!document.hidden) open();
