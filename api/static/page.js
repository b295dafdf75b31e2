// Draws the page from the JSON routes: /summary for all customers, /customers and /history for one.
"use strict";

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const day = (text) => new Date(text.slice(0, 10) + "T00:00:00Z").toLocaleDateString(undefined, { dateStyle: "medium", timeZone: "UTC" });
const money = (value) => (Math.abs(value) >= 10000 ? whole : exact).format(value);

const FEATURES = {
  first_order_date: ["First order", day], last_order_date: ["Last order", day], total_orders: ["Orders", whole.format],
  total_revenue: ["Revenue so far", money], max_revenue: ["Largest order", money], max_num_items: ["Most pieces in one order", whole.format],
  days_since_last_order: ["Days since last order", whole.format], longest_interval: ["Longest pause, days", (n) => whole.format(n)],
};

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
  const space = ["svg", "g", "rect", "text", "line", "path", "circle", "title"].includes(name) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const pairs = (facts) => facts.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value)));

function drawDeciles(deciles) {
  // Columns side by side where there is room, bars below each other on a phone.
  const svg = $("deciles"), width = svg.clientWidth, height = svg.clientHeight, narrow = width < 560;
  const most = Math.max(...deciles.map((d) => d.total), 1e-9), step = (narrow ? height : width) / deciles.length;
  svg.replaceChildren(...deciles.map((d, n) => {
    const part = Math.max(0, d.total / most), share = d.share === null ? money(d.total) : percent.format(d.share);
    const title = element("title", {}, `Tenth ${d.decile}: ${whole.format(d.customers)} customers hold ${money(d.total)}; each is worth ${money(d.min_clv)} to ${money(d.max_clv)}`);
    const name = d.decile === 1 ? "top tenth" : d.decile === 10 ? "last" : d.decile + ".";
    const opacity = 1 - 0.055 * n;
    if (narrow) {
      const y = n * step, long = part * (width - 130);
      return element("g", { class: "column" }, title,
        element("rect", { x: 66, y: y + 6, width: Math.max(1, long), height: step - 12, rx: 3, "fill-opacity": opacity }),
        element("text", { class: "soft", x: 0, y: y + step / 2 + 4 }, name),
        element("text", { class: "share", x: 74 + long, y: y + step / 2 + 5 }, share));
    }
    const x = n * step, high = part * (height - 60);
    return element("g", { class: "column" }, title,
      element("rect", { x: x + 4, y: height - 28 - high, width: step - 8, height: Math.max(1, high), rx: 3, "fill-opacity": opacity }),
      element("text", { class: "share", x: x + step / 2, y: height - 38 - high, "text-anchor": "middle" }, share),
      element("text", { class: "soft", x: x + step / 2, y: height - 8, "text-anchor": "middle" }, name));
  }));
}

function drawLine(svg, values) {
  // From 0 to the largest value, so that a small change looks small.
  const top = Math.max(...values, 1e-9), low = Math.min(...values, 0), last = values.length - 1;
  const at = (value, n) => [last ? (n / last) * 300 : 300, 4 + (1 - (value - low) / (top - low)) * 92];
  const line = values.map((value, n) => at(value, n).map((x) => x.toFixed(2)).join(" ")).join(" L");
  svg.setAttribute("viewBox", "0 0 300 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren(element("path", { class: "area", d: `M0 100 L${line} L300 100 Z` }), element("path", { class: "spark", d: `M${line}` }));
}

function drawSummary(summary) {
  const { build, deciles, history } = summary, months = build.horizon_days && Math.round(build.horizon_days / 30.4);
  $("total").textContent = money(summary.total);
  $("meaning").textContent = `is what ${whole.format(summary.customers)} customers are predicted to be worth`
    + (build.horizon_days ? ` over the next ${build.horizon_days} days` + (months > 1 ? `, about ${months} months` : "") : "")
    + (build.as_of_date ? `, seen from ${day(build.as_of_date)}.` : ".");
  $("facts").replaceChildren(...pairs([
    ["Customers", whole.format(summary.customers)],
    ["Average", summary.mean === null ? "–" : money(summary.mean)],
    ["Half are worth more than", summary.median === null ? "–" : money(summary.median)],
    ["As of", build.as_of_date ? day(build.as_of_date) : "–"],
  ]));
  const first = deciles[0];
  $("finding").textContent = first && first.share !== null
    ? `The top tenth of customers holds ${percent.format(first.share)} of the value` : "Value by tenth of customers";
  drawDeciles(deciles);
  $("trend").hidden = history.length < 2;
  if (history.length > 1) {
    drawLine($("trend").querySelector("svg"), history.map((point) => point.total));
    $("trend").querySelector("svg").setAttribute("aria-label", "Total predicted value over time");
    $("trend").querySelector("figcaption").textContent =
      `Total from ${day(history[0].as_of_date)} to ${day(history.at(-1).as_of_date)}: ${money(history[0].total)} to ${money(history.at(-1).total)}`;
  }
  $("top").replaceChildren(...summary.top.map((one, n) => {
    const button = element("button", { type: "button" }, element("span", {}, String(n + 1)), element("span", { class: "id" }, one.user_id), element("b", {}, money(one.clv)));
    button.addEventListener("click", () => show(one.user_id));
    return element("li", {}, button);
  }));
  $("provenance").textContent = [
    build.build_id && `Build ${build.build_id}`, build.built_at && `made ${new Date(build.built_at + "Z").toLocaleString()}`,
    build.model_id && `model ${build.model_id}`, build.orders_file && `from ${build.orders_file}`,
  ].filter(Boolean).join(" · ");
}

async function show(id) {
  const card = $("card"), query = `customer_id=${encodeURIComponent(id)}`;
  $("customer").value = id;
  history.replaceState(null, "", `#${encodeURIComponent(id)}`); // a link to share; what follows # never leaves the browser
  card.hidden = false;
  try {
    const [one, { history: points }] = await Promise.all([asked(`customers?${query}`), asked(`history?${query}`)]);
    const ladder = element("div", { class: "ladder", role: "img", "aria-label": `Tenth ${one.decile} of 10` });
    for (let n = 1; n <= 10; n++) ladder.append(element("i", n === one.decile ? { class: "here" } : {}));
    const features = Object.entries(FEATURES).filter(([name]) => one[name] !== undefined && one[name] !== null);
    card.replaceChildren(
      element("p", { class: "id" }, one.user_id), element("p", { class: "value" }, money(one.clv)), ladder,
      element("p", { class: "sub" }, `Rank ${whole.format(one.rank)}; worth at least as much as ${percent.format(one.percentile)} of all customers.`));
    if (points.length > 1) {
      const svg = element("svg", { role: "img", "aria-label": "Predicted value over time" });
      drawLine(svg, points.map((point) => point.clv));
      card.append(svg, element("p", { class: "id" }, `Predicted value, ${day(points[0].as_of_date)} to ${day(points.at(-1).as_of_date)}`));
    }
    card.append(element("dl", {}, ...pairs(features.map(([name, [label, format]]) => [label, format(one[name])]))));
  } catch (error) {
    card.replaceChildren(element("p", {}, error.message));
  }
  card.scrollIntoView({ block: "nearest" });
}

async function load() {
  try {
    const summary = await asked("summary");
    $("content").hidden = false;
    $("access").hidden = $("notice").hidden = true;
    drawSummary(summary);
    window.onresize = () => drawDeciles(summary.deciles);
  } catch (error) {
    if (error instanceof Refused) {
      $("access").hidden = false;
      return;
    }
    $("notice").hidden = false;
    $("notice").textContent = error.status ? error.message : "The server does not answer. What stands here may be out of date.";
  }
}

$("lookup").addEventListener("submit", (event) => {
  event.preventDefault();
  show($("customer").value.trim());
});
$("access").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", $("token").value.trim());
  load();
});
// A link cannot send a token, so with one the files are fetched here and handed over as downloads.
for (const link of document.querySelectorAll('footer a[href="summary"], #csv')) {
  link.addEventListener("click", async (event) => {
    if (!sessionStorage.getItem("token")) return;
    event.preventDefault();
    const url = URL.createObjectURL(await (await ask(link.getAttribute("href"))).blob());
    const name = link.id === "csv" ? "predictions.csv" : "summary.json";
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  });
}
load().then(() => location.hash && show(decodeURIComponent(location.hash.slice(1))));
setInterval(load, 60000);
