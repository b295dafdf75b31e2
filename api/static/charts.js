// The pictures: the course of a value, the tenths of customers, bars in a table.

import { element } from "./dom.js";
import { day, money, short, time } from "./format.js";

// A picture is as wide as its place, so one is drawn again when that has become another: a window, or a phone that turns.
const pictures = new WeakMap();
const resized = new ResizeObserver((found) => found.forEach(({ target }) => {
  const { width, draw } = pictures.get(target);
  if (target.isConnected && target.clientWidth !== width) draw();
}));

function redraw(svg, draw) {
  pictures.set(svg, { width: svg.clientWidth, draw });
  resized.observe(svg);
}

// With 0 at the bottom where nothing is below it, and where nothing is above it either.
function scale(values) {
  const least = Math.min(0, ...values), most = Math.max(0, ...values) || (least < 0 ? 0 : 1);
  return { most, least, range: most - least };
}

// From 0 to the largest value, so that a small change looks small; days at their distance; a gap where the model changed.
export function drawLine(svg, points) {
  redraw(svg, () => drawLine(svg, points));
  const width = svg.clientWidth || 300, height = svg.clientHeight, bottom = height - 16, right = width - 46;
  const { most: top, least: low, range } = scale(points.map((point) => point.value));
  const start = time(points[0].as_of_date), end = time(points.at(-1).as_of_date);
  const x = (point) => ((time(point.as_of_date) - start) / (end - start || 1)) * right;
  const y = (value) => 6 + ((top - value) / range) * (bottom - 8);
  const goesOn = (n) => n > 0 && comparable(points[n], points[n - 1]);
  const label = (value) => element("text", { class: "soft", x: right + 8, y: y(value) + 4 }, value ? short(value) : "0");
  svg.replaceChildren(
    element("line", { class: "axis", x1: 0, x2: right, y1: y(0), y2: y(0) }),
    element("path", { class: "spark", d: points.map((p, n) => `${goesOn(n) ? "L" : "M"}${x(p).toFixed(1)} ${y(p.value).toFixed(1)}`).join("") }),
    ...points.map((p) => element("circle", { class: "dot", cx: x(p).toFixed(1), cy: y(p.value).toFixed(1), r: points.length > 60 ? 1 : 2.5 },
      element("title", {}, `${day(p.as_of_date)}: ${money(p.value)}`))),
    label(0), ...(points.some((p) => p.value > 0) ? [label(top)] : []), ...(low < 0 ? [label(low)] : []),
    element("text", { class: "soft", x: 0, y: height }, day(points[0].as_of_date)),
    element("text", { class: "soft", x: right, y: height, "text-anchor": "end" }, day(points.at(-1).as_of_date)));
}

export const comparable = (one, other) => one.model_id === other.model_id && one.horizon_days === other.horizon_days;

// Columns side by side where there is room, bars below each other on a phone; what is below zero goes the other way.
// `bars`: {name, value, label, told, href}.
export function drawBars(svg, bars) {
  redraw(svg, () => drawBars(svg, bars));
  const width = svg.clientWidth, height = svg.clientHeight, narrow = width < 560;
  const { most, least, range } = scale(bars.map((bar) => bar.value));
  const step = narrow ? height / Math.max(10, bars.length) : Math.min(width / bars.length, 160);
  const draw = narrow ? lying : standing;
  svg.replaceChildren(...bars.map((bar, n) => element("svg:a", { class: "column", href: bar.href, "aria-label": bar.told },
    element("title", {}, bar.told), ...draw(bar, n * step, 1 - 0.055 * n))));

  function standing(bar, x, opacity) {
    const room = height - 60, zero = 32 + (most / range) * room, high = (Math.abs(bar.value) / range) * room, top = bar.value < 0 ? zero : zero - high;
    return [
      element("rect", { class: "touch", x, y: 0, width: step, height }),
      element("rect", { x: x + 4, y: top, width: Math.max(1, step - 8), height: Math.max(1, high), rx: 3, "fill-opacity": opacity }),
      element("text", { class: "share", x: x + step / 2, y: top - 10, "text-anchor": "middle" }, bar.label),
      element("text", { class: "soft", x: x + step / 2, y: height - 8, "text-anchor": "middle" }, bar.name),
    ];
  }

  function lying(bar, y, opacity) {
    const room = width - 140, zero = 66 + (-least / range) * room, long = (Math.abs(bar.value) / range) * room;
    return [
      element("rect", { class: "touch", x: 0, y, width, height: step }),
      element("rect", { x: bar.value < 0 ? zero - long : zero, y: y + 6, width: Math.max(1, long), height: step - 12, rx: 3, "fill-opacity": opacity }),
      element("text", { class: "soft", x: 0, y: y + step / 2 + 4 }, bar.name),
      element("text", { class: "share", x: zero + (bar.value < 0 ? 8 : long + 8), y: y + step / 2 + 5 }, bar.label),
    ];
  }
}

// A bar for a row of a table, as wide as its cell at `most`: `parts` stand one after the other, what is below 0 has no length.
export function bar(parts, most) {
  let x = 0;
  const percentOf = (value) => (Math.max(0, value) / (most || 1)) * 100;
  return element("svg", { class: "bar", "aria-hidden": "true" }, ...parts.map(([kind, value]) => {
    const made = element("rect", { class: kind, x: `${x}%`, width: `${percentOf(value)}%`, height: "100%", rx: 2 });
    x += percentOf(value);
    return made;
  }));
}

// Two bars below each other.
export function twoBars(one, other, most) {
  const width = (value) => `${(Math.max(0, value) / (most || 1)) * 100}%`;
  return element("svg", { class: "bar", "aria-hidden": "true" },
    element("rect", { class: "faint", width: width(one), height: "45%", rx: 2 }),
    element("rect", { class: "strong", y: "55%", width: width(other), height: "45%", rx: 2 }));
}
