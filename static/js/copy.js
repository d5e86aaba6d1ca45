// Copy buttons: confirm in words through the live region, and with a tick.
const toast = (text, level) => document.dispatchEvent(
  new CustomEvent("ata:toast", { detail: { text, level } }),
);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  event.preventDefault();
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    toast("The browser did not allow copying. Select the text and copy it yourself.", "bad");
    return;
  }
  button.dataset.done = "";
  setTimeout(() => delete button.dataset.done, 1600);
  toast(button.dataset.copied || "Copied");
});
