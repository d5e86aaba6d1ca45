// Search: Ctrl-K or ⌘K goes to its field, arrows walk through the results, Escape closes them.
const seen = () => [...document.querySelectorAll("[data-find]")].find((one) => one.offsetParent);

function open(event) {
  const field = seen();
  if (!field) return;
  event.preventDefault();
  field.select();
  field.focus();
}

document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key === "k") {
    open(event);
    if (!event.defaultPrevented) location.assign("/search/");
    return;
  }
  const box = event.target.closest?.(".find");
  if (!box) return;
  const field = box.querySelector("[data-find]");
  if (event.key === "Escape") {
    box.querySelector(".found").replaceChildren();
    field.focus();
    event.stopImmediatePropagation();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const links = [...box.querySelectorAll(".found a")];
    const next = links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    (links[next] ?? field).focus();
    event.preventDefault();
  }
});
