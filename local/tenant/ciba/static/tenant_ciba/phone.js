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

// What stands on the screen keeps its place until the page is loaded again, and what is new comes
// below it: a tap that was meant for one request must not meet another one that moved there.
function cardsInTheirPlaces(incoming) {
  const fresh = new Map();
  for (const card of incoming.querySelectorAll(".ask")) {
    fresh.set(idOf(card), card);
    card.remove();
  }
  const open = [...fresh.values()].some((card) => !card.classList.contains("ended"));
  const standing = open ? [...screenBox.querySelectorAll(".ask")] : [];
  const heights = standing.map((card) => card.getBoundingClientRect().height);
  const kept = standing.map((card, index) => {
    const now = fresh.get(idOf(card));
    fresh.delete(idOf(card));
    return now?.id === card.id ? card : over(card, now, heights[index]);
  });
  return [...kept, ...fresh.values()];
}

function idOf(card) {
  return card.id.replace(/^ended-/, "");
}

function over(card, ended, height) {
  const shown = ended ?? card;
  if (!ended && !card.classList.contains("ended")) {
    for (const part of card.querySelectorAll("form, a, .left")) part.remove();
    card.querySelector(".hint").textContent = "This request is over. There is nothing to answer.";
    card.classList.add("ended");
    card.id = `ended-${card.id}`;
  }
  shown.style.minHeight = `${height}px`;
  return shown;
}

function show(html) {
  const incoming = document.createElement("template");
  incoming.innerHTML = html;
  const focused = document.activeElement;
  const cards = cardsInTheirPlaces(incoming.content);
  const history = incoming.content.querySelector(".past");
  for (const card of cards) incoming.content.insertBefore(card, history);
  screenBox.replaceChildren(incoming.content);
  const again = focused?.id && !focused.isConnected ? document.getElementById(focused.id) : focused;
  if (again && again !== document.activeElement && screenBox.contains(again)) again.focus();
  const answered = document.getElementById("next");
  const waiting = answered
    ? Number(answered.dataset.waiting)
    : screenBox.querySelectorAll(".ask:not(.ended)").length;
  document.title = (waiting ? `(${waiting}) ` : "") + phone.dataset.title;
  document.getElementById("news").textContent =
    waiting === 0 ? "" : waiting === 1 ? "1 request waits for you" : `${waiting} requests wait`;
  countDown();
}

async function listen() {
  try {
    const answer = await fetch(`${phone.dataset.feed}&seen=${phone.dataset.version}`, {
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
