// Elements, and the links between what is shown.

import { money, whole } from "./format.js";

export const $ = (id) => document.getElementById(id);

const SVG = new Set(["svg", "svg:a", "rect", "text", "line", "path", "circle", "title"]);

export function element(name, attributes = {}, ...children) {
  const space = SVG.has(name) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const made = document.createElementNS(space, name.replace("svg:", ""));
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// What is shown stands behind the # of the address: it can be shared, Back works, and it never leaves the browser.
export const link = (name, value) => `#${name}=${encodeURIComponent(value)}`;
export const wanted = () => new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));

export const pairs = (facts) => facts.map(([term, ...said]) =>
  element("div", {}, element("dt", {}, term), ...said.filter(Boolean).map((text) => element("dd", {}, text))));

// Items of a list of customers; `said` is what stands at the end of each, its value by default, and `why` below it.
export const customers = (found, { first = 1, said = (one) => money(one.clv), why = () => "" } = {}) => found.map((one, n) =>
  element("li", {}, element("a", { href: link("customer", one.user_id) },
    element("span", {}, whole(first + n)), element("span", { class: "id" }, one.user_id), element("b", {}, said(one)),
    ...[why(one)].filter(Boolean).map((text) => element("small", {}, text)))));

// A table of words, numbers and one picture a row. `columns`: [title, class]; `rows`: cells, the first one names the row.
export const table = (caption, columns, rows) => element("table", {},
  element("caption", { class: "unseen" }, caption),
  element("thead", {}, element("tr", {}, ...columns.map(([title, kind]) => element("th", { scope: "col", class: kind }, title)))),
  element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell, n) =>
    element(n ? "td" : "th", n ? { class: columns[n][1] } : { scope: "row", class: columns[n][1] }, cell))))));
