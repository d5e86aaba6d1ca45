// Theme, row density, clock: kept in a cookie so that the server paints the first frame right.
const root = document.documentElement;

function save(name, value) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  const age = value ? 31536000 : 0;
  document.cookie = `${name}=${value}; path=/; max-age=${age}; samesite=lax${secure}`;
}

function show() {
  for (const button of document.querySelectorAll("[data-pref]")) {
    const current = root.dataset[button.dataset.pref] ?? "";
    button.setAttribute("aria-pressed", String(current === button.dataset.value));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pref]");
  if (!button) return;
  const { pref, value } = button.dataset;
  if (value) root.dataset[pref] = value;
  else delete root.dataset[pref];
  save(pref, value);
  show();
  document.dispatchEvent(new CustomEvent("ata:pref", { detail: { pref, value } }));
});

show();
