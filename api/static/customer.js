// One customer on a card.

import { asked } from "./ask.js";
import { comparable, drawLine } from "./charts.js";
import { $, element, link, pairs, wanted } from "./dom.js";
import { count, day, exact, money, percent, whole } from "./format.js";

const days = (number) => count(Math.round(number), "day", "days");
const FACTS = {
  lifecycle: ["On the way", (word) => word], tier: ["Value tier", (word) => word],
  first_order_date: ["First order", day], last_order_date: ["Last order", day],
  usual_gap: ["Usual gap between purchases", days], days_since_last_order: ["Since the last order", days],
  total_orders: ["Orders", whole], total_revenue: ["Revenue so far", money],
  max_revenue: ["Largest order", money], max_num_items: ["Most pieces in one order", whole],
  longest_interval: ["Longest pause", days], purchase_probability: ["Chance to buy", percent], expected_purchases: ["Purchases expected", exact],
};
// After one order there has been no gap yet: what the table holds is the others' average, no fact of this customer.
const NEEDS_TWO = new Set(["longest_interval", "usual_gap"]);

export async function showCustomer(id, everybody) {
  const card = $("card"), query = `customer_id=${encodeURIComponent(id)}`;
  $("customer").value = id;
  try {
    const [one, { history }] = await Promise.all([asked(`customers?${query}`), asked(`history?${query}`)]);
    if (id !== wanted().get("customer")) return; // another was chosen meanwhile
    card.replaceChildren(element("p", { class: "id" }, one.user_id), element("p", { class: "value" }, money(one.clv)),
      ...(everybody < 10 ? [] : [ladder(one.decile)]), element("p", { class: "sub" }, place(one.rank, everybody)));
    card.hidden = false;
    if (one.clv_upper !== undefined && one.clv_upper !== null) card.append(element("p", { class: "sub" }, range(one)));
    if (history.length > 1) drawHistory(card, history);
    card.append(element("dl", {}, ...pairs(facts(one))));
  } catch (error) {
    if (!error.status) throw error;
    card.replaceChildren(element("p", {}, error.message));
    card.hidden = false;
  }
}

const facts = (one) => Object.entries(FACTS)
  .filter(([name]) => one[name] !== undefined && one[name] !== null && !(NEEDS_TWO.has(name) && one.total_orders < 2))
  .map(([name, [label, format]]) => [label, format(one[name])]);

function ladder(decile) {
  const rungs = Array.from({ length: 10 }, (_, n) => element("i", n + 1 === decile ? { class: "here" } : {}));
  return element("div", { class: "ladder", role: "img", "aria-label": `Tenth ${decile} of 10` }, ...rungs);
}

// Who shares a rank is not ahead of the others who do, so it is said who is above.
function place(rank, everybody) {
  const above = Math.floor(((rank - 1) / everybody) * 1000) / 1000;
  return `Rank ${whole(rank)} of ${whole(everybody)}` + (above > 0 ? `; ${percent(above)} of them are worth more.` : ".");
}

// Of nearly everybody it is not sure that anything comes at all: that it is at least 0 says nothing.
function range({ clv_lower: low, clv_upper: high }) {
  if (high === 0) return `${percent(0.9)} sure that nothing more comes.`;
  return `${percent(0.9)} sure to be at most ${money(high)}` + (low ? `, and ${percent(0.9)} sure to be at least ${money(low)}.` : ".");
}

function drawHistory(card, history) {
  const svg = element("svg", { role: "img", "aria-label": `Predicted value, ${money(history[0].clv)} to ${money(history.at(-1).clv)}` });
  card.append(svg);
  drawLine(svg, history.map((point) => ({ ...point, value: point.clv })));
  if (history.some((point, n) => n && !comparable(point, history[n - 1]))) {
    card.append(element("p", { class: "id" }, "The line breaks where another model took over."));
  }
}

export const lookUp = () => { location.hash = link("customer", $("customer").value.trim()); };
