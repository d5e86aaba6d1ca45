// Brush over the histogram: drag, or Shift with arrows. Each bar stays a plain link without it.
for (const figure of document.querySelectorAll("[data-brush]")) {
  const bars = [...figure.querySelectorAll(".plot a")];
  let from = -1;
  let dragged = false;

  const paint = (first, last) => bars.forEach((bar, index) => {
    const picked = first >= 0 && index >= Math.min(first, last) && index <= Math.max(first, last);
    bar.classList.toggle("picked", picked);
  });
  const apply = (first, last) => {
    const url = new URL(location.href);
    url.searchParams.set("after", bars[Math.min(first, last)].dataset.start);
    url.searchParams.set("before", bars[Math.max(first, last)].dataset.end);
    for (const key of ["cursor", "e"]) url.searchParams.delete(key);
    location.assign(url);
  };
  const at = (event) => bars.indexOf(document.elementFromPoint(event.clientX, event.clientY)?.closest("a"));

  figure.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    from = bars.indexOf(event.target.closest("a"));
    dragged = false;
  });
  figure.addEventListener("pointermove", (event) => {
    const to = from < 0 ? -1 : at(event);
    if (to < 0) return;
    dragged ||= to !== from;
    if (dragged) paint(from, to);
  });
  addEventListener("pointerup", (event) => {
    const to = from < 0 ? -1 : at(event);
    if (dragged && to >= 0) apply(from, to);
    else paint(-1, -1);
    from = -1;
  });
  figure.addEventListener("click", (event) => dragged && event.preventDefault());
  figure.addEventListener("dragstart", (event) => event.preventDefault());

  let anchor = -1;
  figure.addEventListener("keydown", (event) => {
    const here = bars.indexOf(document.activeElement);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (here >= 0 && by) {
      event.preventDefault();
      const next = Math.min(Math.max(here + by, 0), bars.length - 1);
      if (!event.shiftKey) anchor = -1;
      else if (anchor < 0) anchor = here;
      paint(anchor, next);
      bars[next].focus();
    } else if (event.key === "Enter" && anchor >= 0 && here >= 0) {
      event.preventDefault();
      apply(anchor, here);
    } else if (event.key === "Escape") {
      anchor = -1;
      paint(-1, -1);
    }
  });
}
