// The page works without this: links are links and the form is a form. Here a click changes the page in place, so that
// scroll and focus stay, and a drag over the chart chooses a range.
"use strict";

const narrow = matchMedia("(max-width: 56rem)");
let open = !narrow.matches; // whether the filters are unfolded: what the reader last chose, on a phone closed at first

function fold() {
  const filters = document.getElementById("fold");
  if (!filters) return;
  filters.open = open;
  filters.addEventListener("toggle", () => { open = filters.open; });
}

let asking = new AbortController();
let awaited = null; // the address that is being fetched: Enter in a changed field says the same twice

async function swap(address, keep = true) {
  if (address === awaited) return;
  awaited = address;
  asking.abort();
  asking = new AbortController();
  const main = document.getElementById("main");
  main.setAttribute("aria-busy", "true");
  let text;
  try {
    text = await (await fetch(address, { signal: asking.signal })).text();
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address);
    return;
  }
  awaited = null;
  const next = new DOMParser().parseFromString(text, "text/html"); // its scripts do not run
  const active = document.activeElement;
  if (keep && active?.id && active.matches("input")) next.getElementById(active.id)?.replaceWith(active); // being typed in
  const side = document.getElementById("side")?.scrollTop;
  for (const one of [".top", "main"]) document.querySelector(one).replaceWith(next.querySelector(one));
  fold();
  document.title = next.title;
  if (keep) history.pushState(null, "", address);
  if (side) document.getElementById("side")?.scrollTo(0, side);
  if (active?.id) document.getElementById(active.id)?.focus({ preventScroll: true });
  const target = new URL(address, location.href).hash.slice(1);
  if (target) {
    const place = document.getElementById(target)?.getBoundingClientRect().top;
    if (place < 0 || place > innerHeight / 2) document.getElementById(target).scrollIntoView();
  }
}

function ask(form) {
  const said = [...new FormData(form)].filter(([, value]) => value !== "");
  swap(`./?${new URLSearchParams(said)}`);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  swap(link.getAttribute("href"));
});
document.addEventListener("submit", (event) => {
  if (event.target.id !== "filters") return;
  event.preventDefault();
  ask(event.target);
});
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.id === "filters" && form.reportValidity()) ask(form);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form?.requestSubmit();
});
addEventListener("popstate", () => swap(location.href, false));

fold();

// The chart: a rectangle of it, dragged or a cell, to characters and reward, and these to the form's fields
let start = null;

function point(svg, event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const { left, right, top, bottom } = svg.dataset;
  return [Math.min(Math.max(at.x, +left), +right), Math.min(Math.max(at.y, +top), +bottom)];
}

function meant(svg, [x, y]) {
  const { left, right, top, bottom, charsFrom, charsTo, rewardFrom, rewardTo } = svg.dataset;
  const across = (x - left) / (right - left);
  const up = (bottom - y) / (bottom - top);
  return [charsFrom * (charsTo / charsFrom) ** across, +rewardFrom + up * (rewardTo - rewardFrom)];
}

function choose(svg, ...corners) {
  const ends = corners.map((corner) => meant(svg, corner));
  const [chars, reward] = [0, 1].map((axis) => ends.map((end) => end[axis]).sort((a, b) => a - b));
  const limits = {
    chars_low: Math.floor(chars[0]),
    chars_high: Math.ceil(chars[1]),
    reward_low: reward[0].toFixed(3),
    reward_high: reward[1].toFixed(3),
  };
  for (const [name, value] of Object.entries(limits)) document.getElementById(name).value = value;
  ask(document.getElementById("filters"));
}

function dragged(event) {
  const to = point(start.svg, event);
  const size = [0, 1].map((axis) => Math.abs(to[axis] - start.from[axis]));
  return Math.max(...size) > 5 ? { to, size } : null;
}

document.addEventListener("pointerdown", (event) => {
  const svg = event.target.closest("#chart svg");
  start = svg && event.button === 0 ? { svg, from: point(svg, event), cell: event.target.closest(".bin") } : null;
});
document.addEventListener("pointercancel", () => { start = null; }); // a finger that scrolls
document.addEventListener("pointermove", (event) => {
  const drag = start && dragged(event);
  if (!drag) return;
  const brush = document.getElementById("brush");
  const [x, y] = [0, 1].map((axis) => Math.min(start.from[axis], drag.to[axis]));
  for (const [name, value] of Object.entries({ x, y, width: drag.size[0], height: drag.size[1] })) {
    brush.setAttribute(name, value);
  }
});
document.addEventListener("pointerup", (event) => {
  if (!start) return;
  const [{ svg, from, cell }, drag] = [start, dragged(event)];
  start = null;
  if (drag) return choose(svg, from, drag.to);
  if (!cell) return;
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => +cell.getAttribute(name));
  choose(svg, [x, y], [x + width, y + height]);
});
