// The message is one JSON document, in one box; each field is a view of a place in it.

const CONTENT = { ios: "payload", android: "payload", uwp: "toast", win: "toast" };
const STAYS = new Set(Object.values(CONTENT));

export function editMessage(form) {
  const box = document.getElementById("message");
  const editor = document.getElementById("editor");
  let focused = "";

  function read() {
    try {
      const value = JSON.parse(box.value);
      return isObject(value) ? value : null;
    } catch {
      return null;
    }
  }
  function write(message) {
    box.value = JSON.stringify(message, null, 2);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function redraw(focus) {
    focused = focus ?? document.activeElement?.id ?? "";
    editor.dispatchEvent(new Event("redraw"));
  }
  function change(act, focus) {
    const message = read();
    if (!message) return;
    write(act(message) ?? message);
    redraw(focus);
  }

  form.addEventListener("input", (event) => {
    const { path, kind } = event.target.dataset;
    const message = path && read();
    if (!message) return;
    put(message, JSON.parse(path), valueOf(event.target, kind));
    write(message);
  });
  form.addEventListener("change", (event) => {
    const field = event.target;
    const { platform, rename } = field.dataset;
    if (field === box) redraw();
    else if (platform) change((message) => togglePlatform(message, platform, field.checked));
    else if (rename !== undefined) change((message) => renamed(message, rename, field.value.trim()));
    else if (field.dataset.default !== undefined) {
      change((message) => void (message.default = field.dataset.default));
    }
  });
  editor.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.addVariant !== undefined) {
      const number = Object.keys(read()?.variants ?? { a: 0 }).length;
      change(withAnother, `variant-${number}`);
    } else if (button?.dataset.removeVariant !== undefined) {
      change((message) => without(message, button.dataset.removeVariant), "add-variant");
    }
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.target === editor && focused) document.getElementById(focused)?.focus();
  });

  return {
    redraw,
    variants: () => Object.keys(read()?.variants ?? {}),
    /** The field at the place that an error names, or the nearest around it; else the box. */
    fieldAt(place) {
      for (let at = place; at; at = at.slice(0, Math.max(0, at.search(/[.[][^.[]*$/)))) {
        const found = editor.querySelector(`[data-place="${CSS.escape(at)}"]`);
        if (found) return found.matches("input, select, textarea") ? found : found.querySelector("input");
      }
      return box;
    },
  };
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function textsOf(message) {
  return isObject(message.variants) ? Object.values(message.variants) : [message];
}

/** Put a value there, or take it away; objects that are left empty go, too. */
function put(message, path, value) {
  const parents = [message];
  for (const key of path.slice(0, -1)) {
    const parent = parents.at(-1);
    if (!isObject(parent[key])) {
      if (value === undefined) return;
      parent[key] = {};
    }
    parents.push(parent[key]);
  }
  const last = path.at(-1);
  if (value === undefined) delete parents.at(-1)[last];
  else parents.at(-1)[last] = value;
  for (let depth = path.length - 1; depth > 0; depth--) {
    const key = path[depth - 1];
    if (STAYS.has(key) || Object.keys(parents[depth]).length) break;
    delete parents[depth - 1][key];
  }
}

/** What a field says, of its kind; what is none of it stays a text, and the check tells. */
function valueOf(field, kind) {
  if (kind === "flag") return field.checked || undefined;
  const text = field.value;
  if (text === "") return undefined;
  if (kind === "number") return text.trim() && Number.isFinite(Number(text)) ? Number(text) : text;
  if (kind !== "object") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Of a new platform, title and text begin as those of another one. */
function togglePlatform(message, platform, isOn) {
  for (const text of textsOf(message)) {
    if (!isOn) {
      delete text[platform];
      continue;
    }
    const others = Object.entries(CONTENT).map(([name, content]) => text[name]?.[content]);
    const other = others.find((content) => content?.title || content?.text);
    const { title, text: words } = other ?? {};
    text[platform] = { [CONTENT[platform]]: JSON.parse(JSON.stringify({ title, text: words })) };
  }
}

function withAnother(message) {
  if (!isObject(message.variants)) return { variants: { a: message, b: structuredClone(message) } };
  const names = Object.keys(message.variants);
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const free = letters.find((letter) => !names.includes(letter)) ?? `variant ${names.length + 1}`;
  message.variants[free] = structuredClone(message.variants[names.at(-1)] ?? {});
  return message;
}

function without(message, name) {
  delete message.variants[name];
  if (message.default === name) delete message.default;
  const rest = Object.values(message.variants);
  return rest.length === 1 ? rest[0] : message;
}

function renamed(message, before, name) {
  if (!name || (name !== before && name in message.variants)) return message;
  const entries = Object.entries(message.variants);
  message.variants = Object.fromEntries(entries.map(([old, text]) => [old === before ? name : old, text]));
  if (message.default === before) message.default = name;
  return message;
}
