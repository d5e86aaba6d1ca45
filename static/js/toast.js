// Messages in the live region, text only: by an "ata:toast" event, or HX-Trigger
// {"toast": {text, level}} of the server.
function toast({ text, level = "ok" }) {
  const region = document.getElementById("toasts");
  if (!region || !text) return;
  const box = document.createElement("div");
  box.className = `toast t-${level}`;
  box.textContent = text;
  region.replaceChildren(box);
  setTimeout(() => box.remove(), level === "bad" ? 15000 : 5000);
}

document.addEventListener("ata:toast", (event) => toast(event.detail));
document.addEventListener("toast", (event) => toast({ text: event.detail.value, ...event.detail }));
