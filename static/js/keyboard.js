// Single keys for people who live in the list. Never while typing; can be switched off (WCAG 2.1.4).
const PLACES = { e: "/audit/", c: "/connections/", a: "/approvals/", f: "/enforcement/", h: "/" };
const STORE = "ata-keys";
let armed = 0;

const off = () => localStorage.getItem(STORE) === "off";

function links() {
  return [...document.querySelectorAll("[data-rows] .row-link")];
}

function step(by) {
  const all = links();
  if (!all.length) return;
  const here = all.findIndex((link) => link === document.activeElement
    || link.closest("tr").hasAttribute("aria-current"));
  const next = all[Math.min(Math.max(here + by, 0), all.length - 1)];
  next.focus();
  next.closest("tr").scrollIntoView({ block: "nearest" });
  // With the drawer open, stepping shows the next record at once.
  if (document.getElementById("drawer")?.childElementCount) next.click();
}

const ACTIONS = {
  "/": () => document.querySelector("[data-query]")?.focus(),
  "?": () => document.getElementById("help")?.showModal(),
  j: () => step(1),
  k: () => step(-1),
  g: () => { armed = Date.now(); },
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches?.("[data-query]")) event.target.blur();
  if (off() || event.defaultPrevented || event.isComposing) return;
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]") !== null) return;
  if (document.querySelector("dialog[open]")) return;
  const place = Date.now() - armed < 1200 ? PLACES[event.key] : undefined;
  armed = 0;
  if (place) {
    event.preventDefault();
    location.assign(place);
    return;
  }
  const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  const action = named ? () => named.click() : ACTIONS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

const control = document.querySelector("[data-keys-switch]");
if (control) {
  control.checked = !off();
  control.addEventListener("change", () => {
    if (control.checked) localStorage.removeItem(STORE);
    else localStorage.setItem(STORE, "off");
  });
}
