// Keeps the phone live: asks for news every two seconds and counts the seconds down.
// Without this script the page still works; a reload shows the same.
"use strict";

const phone = document.querySelector("[data-feed]");
const screenBox = document.getElementById("screen");
const EVERY_MS = 2000;

function countDown() {
  const now = Date.now() + Number(phone.dataset.skewMs || 0);
  for (const line of document.querySelectorAll("[data-expires]")) {
    const left = Math.max(0, Math.round((Date.parse(line.dataset.expires) - now) / 1000));
    const minutes = Math.floor(left / 60);
    const clock = `${minutes}:${String(left % 60).padStart(2, "0")}`;
    line.querySelector("[data-clock]").textContent = left ? `${clock} left to answer` : "Expired";
    line.querySelector("progress").value = left;
    line.classList.toggle("soon", left < 30);
    const buttons = line.closest(".ask").querySelectorAll("button");
    for (const button of buttons) button.disabled = left === 0;
  }
}

function show(html) {
  const incoming = document.createElement("template");
  incoming.innerHTML = html;
  const focused = document.activeElement;
  for (const node of incoming.content.querySelectorAll("[data-keep]")) {
    const standing = document.getElementById(node.id);
    if (standing) node.replaceWith(standing);
  }
  screenBox.replaceChildren(incoming.content);
  if (focused && focused !== document.activeElement && screenBox.contains(focused)) focused.focus();
  const waiting = screenBox.querySelectorAll(".ask:not(.ended)").length;
  document.title = (waiting ? `(${waiting}) ` : "") + phone.dataset.title;
  document.getElementById("news").textContent =
    waiting === 0 ? "" : waiting === 1 ? "1 request waits for you" : `${waiting} requests wait`;
  countDown();
}

async function listen() {
  try {
    const answer = await fetch(`${phone.dataset.feed}?seen=${phone.dataset.version}`, {
      headers: { Accept: "text/html" },
      cache: "no-store",
    });
    if (answer.status === 200) {
      phone.dataset.version = answer.headers.get("X-Screen-Version") || "";
      show(await answer.text());
    }
  } catch {
    // The tenant is restarting: the next round asks again.
  }
  setTimeout(listen, document.hidden ? EVERY_MS * 5 : EVERY_MS);
}

if (phone && screenBox) {
  phone.dataset.skewMs = String(Date.parse(phone.dataset.now) - Date.now());
  countDown();
  setInterval(countDown, 1000);
  setTimeout(listen, EVERY_MS);
}
