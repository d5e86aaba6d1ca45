// Short words in the polite live region. Text only, never markup.
// Say one with an "ata:toast" event, or from the server with HX-Trigger {"toast": {text, level}}.
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
