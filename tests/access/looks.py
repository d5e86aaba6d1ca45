"""Text that looks like text which passed: axe measures its contrast once.

Contrast takes three quarters of axe's time, and pages share most of what they are made of. What
decides it are the text's own style and the grounds behind it. Where all of these are those of a
text that axe itself found to pass, its answer is given again. Text over anything that is not around
it (a drawer, a menu, a neighbour) is measured every time, and so is all that did not pass.
"""

from __future__ import annotations

# The evaluation of axe's own check, asked for looks that are not known yet. Known ones come from
# earlier pages; those that passed here are kept for later ones.
REMEMBER = """(known) => {
  const check = axe._audit.checks["color-contrast"];
  const rule = axe._audit.rules.find((one) => one.id === "color-contrast");
  const applies = rule.applies ??= rule.matches;
  const measure = check.measure ??= check.evaluate, passed = window.looksThatPass = [];
  const seen = new Set(known), styles = new Map(), boxes = new Map();
  const style = (node) => {
    if (!styles.has(node)) styles.set(node, getComputedStyle(node));
    return styles.get(node);
  };
  const box = (node) => {
    if (!boxes.has(node)) boxes.set(node, node.getBoundingClientRect());
    return boxes.get(node);
  };
  const clear = /^rgba\\(.*, 0\\)$|^transparent$|[/,] 0\\)$/;
  const ground = (s) => !clear.test(s.backgroundColor) || s.backgroundImage !== "none";
  const painted = [...document.querySelectorAll("body *")].filter((node) =>
    (ground(style(node)) || node.matches("img, svg, video, canvas, iframe"))
    && node.checkVisibility({visibilityProperty: true}) && box(node).width && box(node).height)
    .map((node) => [node, box(node)]);
  // What an element adds to the look of a text in it; most texts share what is around them.
  const layers = new Map();
  const layer = (node) => {
    if (!layers.has(node)) {
      const t = style(node);
      const mixed = [t.opacity, t.filter, t.mixBlendMode, t.zIndex, t.clipPath, t.maskImage];
      layers.set(node, [
        ground(t) ? [t.backgroundColor, t.backgroundImage, t.backgroundClip] : "",
        mixed.join() === "1,none,normal,auto,none,none" ? "" : mixed, box(node),
      ]);
    }
    return layers.get(node);
  };
  const hash = (text) => {
    let one = 1, other = 2;
    for (let at = 0; at < text.length; at++) {
      one = Math.imul(one ^ text.charCodeAt(at), 2654435761);
      other = Math.imul(other ^ text.charCodeAt(at), 1597334677);
    }
    return `${(one >>> 0).toString(36)}.${(other >>> 0).toString(36)}`;
  };
  const look = (node) => {
    const at = box(node), s = style(node);
    const beside = painted.some(([other, b]) =>
      b.left < at.right - 1 && b.right > at.left + 1
        && b.top < at.bottom - 1 && b.bottom > at.top + 1
        && !other.contains(node) && !node.contains(other));
    if (beside) return "";
    const said = [s.color, s.webkitTextFillColor, s.webkitTextStrokeWidth, s.textShadow,
      s.fontSize, s.fontWeight];
    for (let up = node; up; up = up.parentElement) {
      const [shown, mixed, b] = layer(up);
      if (shown) {
        const whole = b.left <= at.left && b.right >= at.right
          && b.top <= at.top && b.bottom >= at.bottom;
        said.push(shown, whole);
      }
      said.push(mixed);
    }
    return hash(JSON.stringify(said.filter((part) => part !== "")));
  };
  const looks = new Map();
  const lookOf = (node) => {
    if (!looks.has(node)) looks.set(node, look(node));
    return looks.get(node);
  };
  // Axe reads all the text within an element to find out whether to measure the element's contrast.
  // Skip elements without text, which it never measures, and looks that passed before.
  const says = (node) => [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
  const isOther = (node) => node.shadowRoot || node.matches("input, select, textarea, slot");
  rule.matches = function (node, ...more) {
    if (!isOther(node) && (!says(node) || seen.has(lookOf(node)))) return false;
    return applies.call(this, node, ...more);
  };
  check.evaluate = function (node, ...more) {
    const key = lookOf(node);
    if (key && seen.has(key)) return true;
    const found = measure.call(this, node, ...more);
    if (key && found === true && !seen.has(key)) {
      seen.add(key);
      passed.push(key);
    }
    return found;
  };
}"""

PASSED = "() => window.looksThatPass"
