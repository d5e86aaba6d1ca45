// Polling that respects the reader, and errors said in words. htmx itself stays untouched.
const toast = (text, level) => document.dispatchEvent(
  new CustomEvent("ata:toast", { detail: { text, level } }),
);
const selecting = () => String(getSelection() ?? "").length > 0;

document.addEventListener("htmx:beforeRequest", (event) => {
  const node = event.detail.elt;
  if (!node.hasAttribute("data-live")) return;
  const reading = node.contains(document.activeElement?.closest("form")) || selecting();
  if (document.hidden || reading) event.preventDefault();
});

document.addEventListener("htmx:responseError", (event) => {
  const polled = event.detail.elt.hasAttribute("data-live");
  if (polled && event.detail.xhr.status !== 401) return;
  const request = event.detail.xhr.getResponseHeader("X-Request-ID");
  const reference = request ? ` Reference ${request}.` : "";
  const words = {
    401: "Your session has ended. Reload to sign in again.",
    403: "You may not do that.",
    404: "That is no longer here.",
    429: "Too many requests. Wait a moment.",
  };
  toast((words[event.detail.xhr.status] ?? "The server could not answer.") + reference, "bad");
});

document.addEventListener("htmx:sendError", (event) => {
  if (event.detail.elt.hasAttribute("data-live")) return;
  toast("The server did not answer. What you see is the last good state.", "bad");
});
