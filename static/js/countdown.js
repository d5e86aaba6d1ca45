// Time left until an expiry. The server decides what expiry means; this only shows it.
function clock(left) {
  const hours = Math.floor(left / 3600);
  const minutes = Math.floor((left % 3600) / 60);
  const seconds = String(left % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

function tick() {
  for (const node of document.querySelectorAll("[data-expires-at]")) {
    const exact = Math.max((Date.parse(node.dataset.expiresAt) - Date.now()) / 1000, 0);
    const left = Math.ceil(exact);
    node.querySelector("[data-left]").textContent = left ? clock(left) : "over";
    node.toggleAttribute("data-low", left < 30);
    const share = Math.min((exact / (Number(node.dataset.total) || 300)) * 100, 100);
    node.querySelector(".arc")?.setAttribute("stroke-dasharray", `${share.toFixed(1)} 100`);
    if (left === 0 && !("over" in node.dataset)) {
      node.dataset.over = "";
      node.dispatchEvent(new CustomEvent("ata:expired", { bubbles: true }));
    }
  }
}

tick();
setInterval(tick, 1000);
document.addEventListener("htmx:afterSettle", tick);
