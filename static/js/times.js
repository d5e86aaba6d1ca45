// Keeps relative times true while a page stays open, and shows local time where asked.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");

function parts(moment) {
  const get = document.documentElement.dataset.clock === "local" ? "get" : "getUTC";
  const read = (unit) => moment[`${get}${unit}`]();
  return {
    year: read("FullYear"), day: `${read("Date")} ${MONTHS[read("Month")]}`,
    minute: `${two(read("Hours"))}:${two(read("Minutes"))}`, second: two(read("Seconds")),
  };
}

function amount(seconds) {
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)} min`;
  return `${seconds} s`;
}

function words(moment, style) {
  const now = new Date();
  const seconds = Math.trunc((now - moment) / 1000);
  const { year, day, minute, second } = parts(moment);
  const local = document.documentElement.dataset.clock === "local";
  if (style === "time") return `${minute}:${second}`;
  if (style === "date") return `${day} ${year}`;
  if (style === "full") {
    const millis = moment.getUTCMilliseconds();
    const rest = millis ? `.${String(millis).padStart(3, "0")}` : "";
    return `${day} ${year} ${minute}:${second}${rest} ${local ? "local" : "UTC"}`;
  }
  if (style === "relative" && Math.abs(seconds) < 86400) {
    if (Math.abs(seconds) < 5) return "just now";
    return seconds > 0 ? `${amount(seconds)} ago` : `in ${amount(-seconds)}`;
  }
  return `${day}${year === now.getUTCFullYear() ? "" : ` ${year}`} ${minute}`;
}

function refresh(all) {
  for (const node of document.querySelectorAll("time[data-when]")) {
    if (!all && node.dataset.when !== "relative") continue;
    const moment = new Date(node.dateTime);
    const text = words(moment, node.dataset.when);
    if (node.textContent !== text) node.textContent = text;
    if (all && !node.dataset.titled) {
      node.dataset.titled = "";
      node.title += ` · ${moment.toLocaleString()} here`;
    }
  }
}

refresh(true);
setInterval(() => document.hidden || refresh(false), 15000);
document.addEventListener("ata:pref", () => refresh(true));
document.addEventListener("htmx:afterSettle", () => refresh(true));
