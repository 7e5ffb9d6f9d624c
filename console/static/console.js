// What every page has: times in the viewer's zone, and dialogs that are asked for as pages are.

const FORMS = {
  full: { dateStyle: "medium", timeStyle: "medium" },
  minute: { dateStyle: "medium", timeStyle: "short" },
  clock: { timeStyle: "medium" },
};

/** Put the times below an element into the viewer's zone. */
function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const said = moment.toLocaleString(undefined, FORMS[time.dataset.form] ?? FORMS.full);
    if (time.textContent !== said) time.textContent = said;
    if (!time.title) time.title = moment.toISOString();
  }
}

const dialog = document.getElementById("dialog");

document.addEventListener("htmx:after:swap", () => {
  localize(document);
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
