// What every page has: times in the viewer's zone, and dialogs that are asked for as pages are.

const FORMS = {
  full: { dateStyle: "medium", timeStyle: "medium" },
  minute: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  clock: { timeStyle: "medium" },
};

/** Put the times below an element into the viewer's zone. */
export function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const form = { ...(FORMS[time.dataset.form] ?? FORMS.full) };
    if (form.day && moment.getFullYear() !== new Date().getFullYear()) form.year = "numeric";
    const said = moment.toLocaleString(undefined, form);
    if (time.textContent !== said) time.textContent = said;
    if (!time.title) time.title = moment.toISOString();
  }
}

const dialog = document.getElementById("dialog");

/** Forms that ask for a time ask for it in the viewer's zone. */
function zone(root) {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const field of root.querySelectorAll("[data-zone]")) field.value = name;
  for (const label of root.querySelectorAll("[data-zone-name]")) label.textContent = `(${name})`;
}

document.addEventListener("htmx:after:swap", () => {
  localize(document);
  zone(document);
  if (dialog.childElementCount && !dialog.open) dialog.showModal();
});
document.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-closes]")) {
    if (dialog.open) {
      event.preventDefault();
      dialog.close();
    }
  }
});
dialog.addEventListener("close", () => dialog.replaceChildren());

localize(document);
zone(document);
if (location.search.startsWith("?done=")) history.replaceState(null, "", location.pathname);
