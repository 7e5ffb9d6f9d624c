// A file on its way: how far it is, how to stop it, and what came of it.

const SIZES = ["bytes", "kB", "MB", "GB"];

export function takeUploads(form, uploaded) {
  const at = (id) => document.getElementById(id);
  const file = at("file");
  const drop = at("drop");
  let sending = null;

  function show(part) {
    for (const id of ["drop-words", "uploading", "uploaded"]) at(id).hidden = id !== part;
  }
  function settle() {
    const { upload_name: name, upload_size: size } = form.elements;
    at("uploaded-name").textContent = name.value;
    at("uploaded-size").textContent = sized(Number(size.value));
    show(form.elements.upload.value ? "uploaded" : "drop-words");
  }
  function refuse(words) {
    at("upload-wrong").textContent = words;
    at("upload-wrong").hidden = !words;
    settle();
    if (words) file.focus();
  }
  function send(chosen) {
    sending?.abort();
    if (!chosen.size) {
      refuse("This file is empty: choose another one.");
      return;
    }
    at("upload-wrong").hidden = true;
    at("uploading-name").textContent = chosen.name;
    at("uploading-bar").value = 0;
    show("uploading");
    at("cancel-upload").focus();
    const request = (sending = new XMLHttpRequest());
    request.open("PUT", `/campaigns/new/uploads/${encodeURIComponent(plain(chosen.name))}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept", "application/json");
    const begun = performance.now();
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      at("uploading-bar").value = total ? loaded / total : 0;
      const seconds = (performance.now() - begun) / 1000;
      const left = seconds > 2 ? `, ${Math.ceil((seconds * (total - loaded)) / loaded)} s left` : "";
      at("uploading-said").textContent = `${sized(loaded)} of ${sized(total)}${left}`;
    });
    request.addEventListener("load", () => ended(request, chosen));
    request.addEventListener("error", () =>
      refuse("The upload was cut off, and nothing of it was kept: choose the file again."),
    );
    request.send(chosen);
  }
  function ended(request, chosen) {
    if (new URL(request.responseURL).pathname === "/login") {
      location.assign("/login?next=/campaigns/new");
      return;
    }
    const said = parsed(request.responseText);
    if (request.status !== 201) {
      refuse(said.detail ?? `The server answered ${request.status}: try again.`);
      return;
    }
    form.elements.upload.value = said.upload;
    form.elements.upload_name.value = chosen.name;
    form.elements.upload_size.value = chosen.size;
    settle();
    uploaded();
  }

  file.addEventListener("change", () => {
    if (file.files.length) send(file.files[0]);
    file.value = "";
  });
  at("cancel-upload").addEventListener("click", () => {
    sending?.abort();
    settle();
    file.focus();
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
    });
  }
  return { settle };
}

/** The name as the server takes it. */
function plain(name) {
  const ending = name.match(/(\.[A-Za-z0-9]+){1,2}$/)?.[0] ?? "";
  const stem = name.slice(0, name.length - ending.length).replace(/[^A-Za-z0-9._-]/g, "_");
  return `${stem.replace(/^[._-]+/, "").slice(0, 80) || "members"}${ending}`;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function sized(bytes) {
  let unit = 0;
  let size = bytes;
  for (; size >= 1000 && unit < SIZES.length - 1; unit++) size /= 1000;
  return `${unit ? size.toFixed(1) : size} ${SIZES[unit]}`;
}
