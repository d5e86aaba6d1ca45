// The drawer holds one record beside the list: focus goes in, and comes back to its row.
const drawer = document.getElementById("drawer");
let opener = null;

function rowOf(link) {
  return link?.closest("tr");
}

// On a phone the drawer covers the page: what lies beneath must not take the focus.
const covers = matchMedia("(max-width: 56rem)");
const BENEATH = ".split > :not(.drawer), .page-head, .strip, .bar, .foot, .banners, .query";

function settle() {
  const open = drawer.childElementCount > 0 && covers.matches;
  for (const node of document.querySelectorAll(BENEATH)) node.inert = open;
}

function mark(row) {
  for (const other of document.querySelectorAll("tr[aria-current]")) {
    other.removeAttribute("aria-current");
  }
  row?.setAttribute("aria-current", "true");
}

function close(url) {
  drawer.replaceChildren();
  settle();
  mark(null);
  // Marked as htmx's own entry, so that Back and Forward reload instead of showing stale rows.
  if (url) history.pushState({ htmx: true }, "", url);
  opener?.isConnected && opener.focus();
  opener = null;
}

if (drawer) {
  settle();
  covers.addEventListener("change", settle);
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== drawer) return;
    const link = event.detail.requestConfig?.elt;
    if (rowOf(link)) {
      opener = link;
      mark(rowOf(link));
    }
    settle();
    drawer.scrollTop = 0;
    drawer.querySelector("[tabindex='-1']")?.focus({ preventScroll: true });
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-drawer-close]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    close(link.href);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drawer.childElementCount) return;
    if (document.querySelector("dialog[open], [popover]:popover-open")) return;
    close(drawer.querySelector("[data-drawer-close]")?.href);
  });
}
