// Draws the page from the JSON routes: /summary for all customers, /customers and /history for one, /predictions for a tenth.
"use strict";

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const day = (text) => new Date(text.slice(0, 10) + "T00:00:00Z").toLocaleDateString(undefined, { dateStyle: "medium", timeZone: "UTC" });
const money = (value) => (Math.abs(value) >= 10000 ? whole : exact).format(value);
const count = (number, one, many) => `${whole.format(number)} ${number === 1 ? one : many}`;

const FEATURES = {
  first_order_date: ["First order", day], last_order_date: ["Last order", day], total_orders: ["Orders", whole.format],
  total_revenue: ["Revenue so far", money], max_revenue: ["Largest order", money], max_num_items: ["Most pieces in one order", whole.format],
  days_since_last_order: ["Days since last order", whole.format], longest_interval: ["Longest pause, days", whole.format],
  purchase_probability: ["Chance to buy again", percent.format], expected_purchases: ["Purchases expected", exact.format],
};

let summary = null; // what is drawn; drawn anew only after a new build, so that nothing moves under a reader

class Refused extends Error {}

async function ask(path) {
  const token = sessionStorage.getItem("token");
  const answer = await fetch(path, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
  throw answer.status === 401 ? new Refused(problem.detail) : Object.assign(new Error(problem.detail), { status: answer.status });
}

const asked = async (path) => (await ask(path)).json();

function element(name, attributes = {}, ...children) {
  const drawn = ["svg", "svg:a", "rect", "text", "line", "path", "circle", "title"].includes(name);
  const made = document.createElementNS(drawn ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml", name.replace("svg:", ""));
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const pairs = (facts) => facts.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value)));

// What is shown stands behind the # of the address: it can be shared, Back works, and it never leaves the browser.
const link = (name, value) => `#${name}=${encodeURIComponent(value)}`;

const customers = (found, first = 1) => found.map((one, n) => element("li", {}, element("a", { href: link("customer", one.user_id) },
  element("span", {}, whole.format(first + n)), element("span", { class: "id" }, one.user_id), element("b", {}, money(one.clv)))));

const nameOf = (group) => summary.customers < 10 ? `No. ${group.decile}` : group.decile === 1 ? "top tenth" : group.decile === 10 ? "last" : group.decile + ".";

function drawDeciles() {
  // Columns side by side where there is room, bars below each other on a phone; what is below zero goes the other way.
  const svg = $("deciles"), width = svg.clientWidth, height = svg.clientHeight, narrow = width < 560, groups = summary.deciles;
  const most = Math.max(0, ...groups.map((d) => d.total)), least = Math.min(0, ...groups.map((d) => d.total)), range = most - least || 1;
  const step = narrow ? height / Math.max(10, groups.length) : Math.min(width / groups.length, 160);
  svg.replaceChildren(...groups.map((d, n) => {
    const share = d.share === null ? money(d.total) : percent.format(d.share), opacity = 1 - 0.055 * n;
    const told = `${nameOf(d)}: ${count(d.customers, "customer holds", "customers hold")} ${money(d.total)}; each is worth ${money(d.min_clv)} to ${money(d.max_clv)}`;
    const drawn = element("svg:a", { class: "column", href: link("tenth", d.decile), "aria-label": told });
    if (narrow) {
      const room = width - 140, zero = 66 + (-least / range) * room, long = (Math.abs(d.total) / range) * room, y = n * step;
      drawn.append(element("title", {}, told),
        element("rect", { class: "touch", x: 0, y, width, height: step }),
        element("rect", { x: d.total < 0 ? zero - long : zero, y: y + 6, width: Math.max(1, long), height: step - 12, rx: 3, "fill-opacity": opacity }),
        element("text", { class: "soft", x: 0, y: y + step / 2 + 4 }, nameOf(d)),
        element("text", { class: "share", x: zero + (d.total < 0 ? 8 : long + 8), y: y + step / 2 + 5 }, share));
      return drawn;
    }
    const room = height - 60, zero = 32 + (most / range) * room, high = (Math.abs(d.total) / range) * room, x = n * step;
    drawn.append(element("title", {}, told),
      element("rect", { class: "touch", x, y: 0, width: step, height }),
      element("rect", { x: x + 4, y: d.total < 0 ? zero : zero - high, width: Math.max(1, step - 8), height: Math.max(1, high), rx: 3, "fill-opacity": opacity }),
      element("text", { class: "share", x: x + step / 2, y: (d.total < 0 ? zero : zero - high) - 10, "text-anchor": "middle" }, share),
      element("text", { class: "soft", x: x + step / 2, y: height - 8, "text-anchor": "middle" }, nameOf(d)));
    return drawn;
  }));
}

function drawLine(svg, points) {
  // From 0 to the largest value, so that a small change looks small; days at their distance; a gap where the model changed.
  const width = svg.clientWidth || 300, height = svg.clientHeight, bottom = height - 16;
  const time = (point) => Date.parse(point.as_of_date), start = time(points[0]), end = time(points.at(-1));
  const top = Math.max(0, ...points.map((p) => p.value)), low = Math.min(0, ...points.map((p) => p.value)), range = top - low || 1;
  const right = width - 46, x = (p) => ((time(p) - start) / (end - start || 1)) * right, y = (value) => 6 + ((top - value) / range) * (bottom - 8);
  const same = (n) => n > 0 && points[n].model_id === points[n - 1].model_id;
  const line = points.map((p, n) => `${same(n) ? "L" : "M"}${x(p).toFixed(1)} ${y(p.value).toFixed(1)}`).join("");
  svg.replaceChildren(
    element("line", { class: "axis", x1: 0, x2: right, y1: y(0), y2: y(0) }),
    element("path", { class: "spark", d: line }),
    ...points.map((p) => element("circle", { class: "dot", cx: x(p).toFixed(1), cy: y(p.value).toFixed(1), r: 2.5 }, element("title", {}, `${day(p.as_of_date)}: ${money(p.value)}`))),
    element("text", { class: "soft", x: right + 8, y: y(0) + 4 }, "0"),
    ...(top > 0 ? [element("text", { class: "soft", x: right + 8, y: y(top) + 4 }, short.format(top))] : []),
    ...(low < 0 ? [element("text", { class: "soft", x: right + 8, y: y(low) + 4 }, short.format(low))] : []),
    element("text", { class: "soft", x: 0, y: height }, day(points[0].as_of_date)),
    element("text", { class: "soft", x: right, y: height, "text-anchor": "end" }, day(points.at(-1).as_of_date)));
}

function change() {
  // What is new since the build of the day before in the history.
  const [before, now] = summary.history.slice(-2);
  if (!now) return "";
  if (before.model_id !== now.model_id) return `On ${day(before.as_of_date)} it was ${money(before.total)}, but by another model: the two are not to be compared.`;
  const more = now.total - before.total, joined = now.customers - before.customers;
  return `${money(Math.abs(more))} ${more < 0 ? "less" : "more"} than on ${day(before.as_of_date)}`
    + (before.total > 0 ? `, ${more < 0 ? "down" : "up"} ${percent.format(Math.abs(more) / before.total)}` : "")
    + (joined ? `, with ${count(Math.abs(joined), "customer", "customers")} ${joined < 0 ? "fewer" : "more"}.` : ", with as many customers.");
}

function drawTrend() {
  const { history } = summary, figure = $("trend");
  figure.hidden = history.length < 2;
  if (figure.hidden) return;
  const svg = figure.querySelector("svg"), told = `Total predicted value, ${money(history[0].total)} to ${money(history.at(-1).total)}`;
  drawLine(svg, history.map((point) => ({ ...point, value: point.total })));
  svg.setAttribute("aria-label", told);
  figure.querySelector("figcaption").textContent = told;
}

function drawWarnings() {
  const { warnings } = summary;
  $("warnings").hidden = warnings.length === 0;
  $("doubts").textContent = warnings.length === 1 ? "One thing is doubtful about these numbers" : `${warnings.length} things are doubtful about these numbers`;
  $("warnings").querySelector("ul").replaceChildren(...warnings.map((warning) => element("li", {}, warning.text)));
}

function drawSummary() {
  const { build, deciles, customers: number } = summary, months = build.horizon_days && Math.round(build.horizon_days / 30.4);
  $("total").textContent = money(summary.total) + (build.currency ? ` ${build.currency}` : "");
  $("meaning").textContent = `is what ${count(number, "customer is", "customers are")} predicted to be worth`
    + (build.horizon_days ? ` over the next ${build.horizon_days} days` + (months > 1 ? `, about ${months} months` : "") : "")
    + (build.as_of_date ? `, seen from ${day(build.as_of_date)}.` : ".");
  $("change").textContent = change();
  $("facts").replaceChildren(...pairs([
    ["Customers", whole.format(number)],
    ["Average", summary.mean === null ? "–" : money(summary.mean)],
    ...(number > 1 ? [["Half are worth more than", money(summary.median)]] : []),
    ["As of", build.as_of_date ? day(build.as_of_date) : "–"],
    ...(build.lines_rejected ? [["Order lines not used", `${whole.format(build.lines_rejected)} of ${whole.format(build.lines)}`]] : []),
  ]));
  const first = deciles[0];
  $("finding").textContent = number < 10 ? "Each customer's part of the value" : first.share === null ? "Value by tenth of customers"
    : `The top tenth of customers holds ${percent.format(first.share)} of the value`;
  $("groups").textContent = number < 10 ? "From the most to the least valuable. With ten customers and more, they stand here in tenths."
    : "Customers in ten equal groups, from the most to the least valuable, and what each group holds of the total. Choose one to see who is in it.";
  $("best").textContent = number > 10 ? "The ten most valuable" : "From the most valuable down";
  $("top").replaceChildren(...customers(summary.top));
  drawWarnings();
  drawDeciles();
  drawTrend();
}

function drawAge() {
  const { build } = summary, hours = build.built_at && (Date.now() - new Date(build.built_at + "Z")) / 3600000;
  const age = hours < 1 ? "in the last hour" : hours < 48 ? count(Math.round(hours), "hour ago", "hours ago") : count(Math.round(hours / 24), "day ago", "days ago");
  $("provenance").textContent = [
    build.build_id && `Build ${build.build_id}`, build.built_at && `made ${age}, ${new Date(build.built_at + "Z").toLocaleString()}`,
    build.model_id && `model ${build.model_id}`, build.orders_file && `from ${build.orders_file}`,
  ].filter(Boolean).join(" · ");
}

async function showCustomer(id) {
  const card = $("card"), query = `customer_id=${encodeURIComponent(id)}`;
  $("customer").value = id;
  try {
    const [one, { history: points }] = await Promise.all([asked(`customers?${query}`), asked(`history?${query}`)]);
    const ladder = element("div", { class: "ladder", role: "img", "aria-label": `Tenth ${one.decile} of 10` });
    for (let n = 1; n <= 10; n++) ladder.append(element("i", n === one.decile ? { class: "here" } : {}));
    // After one order there has been no pause yet: the model is given the others' average, which is no fact of this customer.
    const facts = Object.entries(FEATURES).filter(([name]) => one[name] !== undefined && one[name] !== null && (name !== "longest_interval" || one.total_orders > 1));
    const ahead = Math.floor(((summary.customers - one.rank) / summary.customers) * 1000) / 1000;
    card.replaceChildren(
      element("p", { class: "id" }, one.user_id), element("p", { class: "value" }, money(one.clv)), ladder,
      element("p", { class: "sub" }, `Rank ${whole.format(one.rank)} of ${whole.format(summary.customers)}` + (ahead > 0 ? `; ahead of ${percent.format(ahead)} of them.` : ".")));
    if (one.clv_upper !== undefined && one.clv_upper !== null) {
      card.append(element("p", { class: "sub" }, `90 % sure to be at most ${money(one.clv_upper)}, and 90 % sure to be at least ${money(one.clv_lower)}.`));
    }
    card.hidden = false;
    if (points.length > 1) {
      const svg = element("svg", { role: "img", "aria-label": `Predicted value, ${money(points[0].clv)} to ${money(points.at(-1).clv)}` });
      card.append(svg);
      drawLine(svg, points.map((point) => ({ ...point, value: point.clv })));
      if (new Set(points.map((point) => point.model_id)).size > 1) card.append(element("p", { class: "id" }, "The line breaks where another model took over."));
    }
    card.append(element("dl", {}, ...pairs(facts.map(([name, [label, format]]) => [label, format(one[name])]))));
  } catch (error) {
    card.hidden = false;
    card.replaceChildren(element("p", {}, error.message));
  }
}

async function showTenth(decile, cursor = "") {
  const { predictions, next_cursor } = await asked(`predictions?decile=${decile}&limit=50${cursor && `&cursor=${cursor}`}`);
  const box = $("tenth"), list = box.querySelector("ol"), group = summary.deciles.find((d) => d.decile === decile);
  if (!cursor) list.replaceChildren();
  list.append(...customers(predictions, list.children.length + 1));
  box.querySelector("h3").textContent = group ? `${nameOf(group).replace(/^t/, "T").replace(/^(\d+)\.$/, "Tenth $1").replace("last", "Last tenth")}: ${count(group.customers, "customer", "customers")}` : "";
  box.hidden = false;
  $("more").hidden = next_cursor === null;
  $("more").onclick = () => showTenth(decile, next_cursor).catch(tell);
}

async function show() {
  // Whatever the address asks for.
  const wanted = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")), id = wanted.get("customer"), decile = Number(wanted.get("tenth"));
  if (id === null) $("card").hidden = true;
  if (!decile) $("tenth").hidden = true;
  for (const column of $("deciles").children) column.classList.toggle("chosen", column.getAttribute("href") === link("tenth", decile));
  if (id !== null) await showCustomer(id);
  if (decile) await showTenth(decile);
}

function tell(error) {
  if (error instanceof Refused) {
    $("refused").textContent = sessionStorage.getItem("token") ? "This token is not one that may ask. Check it and try again." : "";
    sessionStorage.removeItem("token");
    $("access").hidden = false;
    $("token").focus();
    return;
  }
  $("notice").hidden = false;
  $("notice").textContent = !error.status ? "The server does not answer. What stands here may be out of date."
    : error.status === 503 && !summary ? "Nothing to show yet. As soon as a build is published, it stands here." : error.message;
}

async function load() {
  try {
    const found = await asked("summary"), before = summary;
    $("content").hidden = false;
    $("access").hidden = $("notice").hidden = true;
    summary = found;
    if (before?.build.build_id !== found.build.build_id) {
      const focused = document.activeElement?.getAttribute("href");
      drawSummary();
      await show();
      if (focused?.startsWith("#")) document.querySelector(`[href=${CSS.escape(focused)}]`)?.focus({ preventScroll: true });
    }
    drawAge();
  } catch (error) {
    tell(error);
  }
}

$("lookup").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = link("customer", $("customer").value.trim());
});
$("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", $("token").value.trim());
  load();
});
addEventListener("hashchange", () => summary && show().then(() => {
  const shown = $("card").hidden ? $("tenth") : $("card");
  if (!shown.hidden) shown.scrollIntoView({ block: "nearest" });
}, tell));
addEventListener("resize", () => {
  if (!summary) return;
  drawDeciles();
  drawTrend();
});
// A link cannot send a token, so with one the files are fetched here and handed over as downloads.
for (const file of document.querySelectorAll('footer a[href="summary"], #csv')) {
  file.addEventListener("click", async (event) => {
    if (!sessionStorage.getItem("token")) return;
    event.preventDefault();
    const url = URL.createObjectURL(await (await ask(file.getAttribute("href"))).blob());
    const name = file.id === "csv" ? "predictions.csv" : "summary.json";
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  });
}
load();
setInterval(load, 60000);
