// The draft is kept in this browser, for this person: no member's data is in it.

const NEVER = new Set(["shown_default"]);

export function keepDraft(form) {
  const name = `dispatcher.draft.${form.dataset.draft}`;
  const state = document.getElementById("draft-state");
  const discard = document.getElementById("discard");
  let waiting = 0;
  let pending = new Map();
  let isOver = false;

  function fields() {
    const secret = new Set([...form.querySelectorAll("[data-private]")].map((field) => field.name));
    return [...new FormData(form)].filter(
      ([field, value]) => typeof value === "string" && !secret.has(field) && !NEVER.has(field),
    );
  }
  function save() {
    if (isOver) return;
    try {
      localStorage.setItem(name, JSON.stringify(fields()));
      state.textContent = "Draft kept in this browser";
      discard.hidden = false;
    } catch {
      state.textContent = "This browser keeps no draft";
    }
  }
  function fill() {
    for (const [field, value] of pending) {
      const found = form.elements[field];
      if (!found) continue;
      if (found instanceof RadioNodeList) found.value = value;
      else if (found.type === "checkbox") found.checked = true;
      else found.value = value;
      pending.delete(field);
    }
  }
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(save, 300);
  });
  addEventListener("pagehide", () => {
    if (waiting) save();
  });
  addEventListener("storage", (event) => {
    if (event.key === name && !isOver) document.getElementById("other-tab").hidden = false;
  });
  return {
    save,
    fill,
    /** Put what was kept into the form; whether anything was. */
    restore() {
      try {
        pending = new Map(JSON.parse(localStorage.getItem(name)) ?? []);
      } catch {
        return false;
      }
      if (!pending.size) return false;
      state.textContent = "Draft kept in this browser";
      discard.hidden = false;
      fill();
      return true;
    },
    /** It was sent: another campaign begins anew. */
    end() {
      isOver = true;
      localStorage.removeItem(name);
    },
    discard() {
      isOver = true;
      localStorage.removeItem(name);
      location.reload();
    },
  };
}
