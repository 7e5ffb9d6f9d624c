// The page of a new campaign: what it says beside its fields, asks in a dialog, and keeps as a draft.

import { keepDraft } from "./draft.js";
import { editMessage } from "./message.js";
import { takeUploads } from "./upload.js";

const form = document.getElementById("campaign");
const columns = document.getElementById("columns");
const mapping = document.getElementById("mapping");
const dialog = document.getElementById("dialog");

const draft = keepDraft(form);
const message = editMessage(form);
const uploads = takeUploads(form, () => {
  mapping.value = "";
  forgetCheck();
  columns.dispatchEvent(new Event("uploaded"));
  draft.save();
});

/* Which fields there are depends on what is chosen. */

function follow() {
  const { when, dealing } = Object.fromEntries(new FormData(form));
  for (const part of form.querySelectorAll("[data-when]")) {
    part.hidden = !part.dataset.when.split(" ").includes(when);
  }
  const names = message.variants();
  document.getElementById("dealing").hidden = !names.length;
  document.getElementById("shares").hidden = dealing !== "split";
  const split = form.elements.split;
  if (dealing === "split" && !split.value) split.value = names.map((name) => `${name}=1`).join(",");
  offerVariants(names);
}

function offerVariants(names) {
  const chosen = form.elements.test_variant;
  document.getElementById("test-variant").hidden = !names.length;
  if ([...chosen.options].map((option) => option.value).join() === names.join()) return;
  const before = chosen.value;
  chosen.replaceChildren(...names.map((name) => new Option(name)));
  if (names.includes(before)) chosen.value = before;
}

form.addEventListener("input", (event) => {
  follow();
  if (!event.target.closest("[data-private]")) forgetCheck();
});
form.addEventListener("change", (event) => {
  const { column, platform } = event.target.dataset;
  if (column !== undefined) choose(column, event.target);
  if (platform && form.elements.upload.value) columns.dispatchEvent(new Event("uploaded"));
  follow();
});

function choose(column, select) {
  const chosen = JSON.parse(mapping.value || "{}");
  chosen[column] = select.value;
  mapping.value = JSON.stringify(chosen);
  select.removeAttribute("aria-invalid");
  document.getElementById("open-columns")?.toggleAttribute(
    "hidden",
    !columns.querySelector("select[aria-invalid]"),
  );
  document.getElementById("read-result").replaceChildren();
  draft.save();
}

/* What was checked is what is sent: a change asks for another check. */

function forgetCheck() {
  const outcome = document.getElementById("outcome");
  if (!outcome) return;
  outcome.hidden = true;
  document.getElementById("stale").hidden = false;
}

document.addEventListener("click", (event) => {
  if (event.target.id === "ask") {
    dialog.replaceChildren(document.getElementById("asks").content.cloneNode(true));
    htmx.process(dialog);
    dialog.showModal();
  }
  if (event.target.id === "window-add") addWindow();
  if (event.target.id === "discard") draft.discard();
});

function addWindow() {
  const [days, from, to] = ["days", "from", "to"].map((part) => document.getElementById(`window-${part}`).value);
  const zone = form.elements.when.value === "local" ? "local" : form.elements.zone.value;
  const lines = form.elements.window.value.split("\n").filter(Boolean);
  form.elements.window.value = [...lines, `${days} ${from}-${to} ${zone}`].join("\n");
  form.elements.window.dispatchEvent(new Event("input", { bubbles: true }));
}

/* What is wrong is said where it is wrong, too. */

document.addEventListener("htmx:after:swap", (event) => {
  const part = event.detail.ctx.target;
  if (!part?.id) return;
  for (const said of form.querySelectorAll(`[data-said-by="${part.id}"]`)) takeBack(said);
  for (const wrong of part.querySelectorAll("[data-field]")) say(wrong, part.id);
  draft.fill();
  follow();
  part.querySelector("[data-focus]")?.focus();
});

function fieldOf(wrong) {
  const { field, at } = wrong.dataset;
  if (field === "message") return message.fieldAt(at ?? "");
  if (field === "mapping" || field === "upload") {
    return columns.querySelector("select[aria-invalid], select") ?? document.getElementById("file");
  }
  const found = form.elements[field];
  return found instanceof RadioNodeList ? found[0] : found;
}

function say(wrong, by) {
  const field = fieldOf(wrong);
  const home = field?.closest(".field, .variant, .json");
  if (!home || wrong.dataset.field === "upload" || wrong.dataset.field === "mapping") return;
  field.closest("details")?.setAttribute("open", "");
  const words = document.createElement("p");
  words.className = "wrong";
  words.id = `wrong-${by}-${field.id || field.name}`;
  words.dataset.saidBy = by;
  words.textContent = wrong.textContent;
  home.append(words);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") ?? ""} ${words.id}`.trim());
}

function takeBack(words) {
  const field = form.querySelector(`[aria-describedby~="${CSS.escape(words.id)}"]`);
  words.remove();
  if (!field) return;
  const rest = field.getAttribute("aria-describedby").split(" ").filter((id) => id !== words.id);
  field.setAttribute("aria-describedby", rest.join(" "));
  if (!rest.some((id) => id.startsWith("wrong-"))) field.removeAttribute("aria-invalid");
}

form.addEventListener("click", (event) => {
  const wrong = event.target.closest("a[href^='#']")?.closest("[data-field]");
  const field = wrong && fieldOf(wrong);
  if (!field) return;
  event.preventDefault();
  field.closest("details")?.setAttribute("open", "");
  field.focus();
});

/* How far the reading of a large audience is. */

let reading = 0;
document.addEventListener("htmx:before:request", (event) => {
  const words = document.querySelector(`[data-reading="${event.detail.ctx.target?.id}"]`);
  if (!words) return;
  clearInterval(reading);
  words.textContent = "Reading …";
  words.hidden = false;
  reading = setInterval(async () => {
    const answer = await fetch(`/campaigns/new/progress?upload=${form.elements.upload.value}`);
    if (answer.ok) words.textContent = (await answer.text()) || words.textContent;
  }, 1000);
});
document.addEventListener("htmx:finally:request", (event) => {
  const words = document.querySelector(`[data-reading="${event.detail.ctx.target?.id}"]`);
  if (!words) return;
  clearInterval(reading);
  words.hidden = true;
});
document.addEventListener("htmx:before:response", (event) => {
  const place = event.detail.ctx.response?.headers?.get("HX-Redirect");
  if (place?.startsWith("/campaigns/")) draft.end();
});

/* A server that cannot be reached is said where its answer would stand. */

document.addEventListener("htmx:error", (event) => {
  const { ctx, error } = event.detail;
  const part = ctx?.target;
  if (ctx?.response || error?.name === "AbortError" || !part || part.id === "editor") return;
  const words = document.createElement("p");
  words.className = "notice bad";
  words.role = "alert";
  words.textContent = "The server cannot be reached. What you wrote is kept: try again in a moment.";
  part.replaceChildren(words);
});

/* The viewer's own zone, and those that the browser knows. */

const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
document.getElementById("zones").replaceChildren(...zones.map((zone) => new Option(zone)));
form.elements.zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const isRestored = draft.restore();
follow();
uploads.settle();

/** Once htmx listens: whether it begins before or after this page's script is a matter of luck. */
function listening(act) {
  if (columns.hasAttribute("data-htmx-powered")) act();
  else document.addEventListener("htmx:after:process", act, { once: true });
}

listening(() => {
  if (!isRestored) return;
  message.redraw();
  form.elements.message.dispatchEvent(new Event("input", { bubbles: true }));
  if (form.elements.upload.value) columns.dispatchEvent(new Event("uploaded"));
});
