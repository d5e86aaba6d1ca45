// Confirm dialogs: a link that would open a page opens the dialog of the same words instead.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog], [data-open]");
  if (opener && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    const dialog = document.getElementById(opener.dataset.dialog || opener.dataset.open);
    if (dialog?.showModal) {
      event.preventDefault();
      opener.closest("[popover]")?.hidePopover?.();
      dialog.showModal();
    }
    return;
  }
  const dialog = event.target.closest("dialog");
  if (dialog && (event.target === dialog || event.target.closest("[data-close]"))) dialog.close();
});

// A typed confirmation holds the button until it matches; the server checks it again.
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset?.mustEqual;
  if (wanted === undefined) return;
  const same = event.target.value.trim() === wanted;
  event.target.setCustomValidity(same ? "" : `Type ${wanted} exactly to confirm`);
});
