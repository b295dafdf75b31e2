// The total and its course, the facts of the build, and what is doubtful about it.

import { $, customers, element, pairs } from "./dom.js";
import { count, day, daysAgo, money, whole } from "./format.js";
import { drawLine } from "./charts.js";

export function drawOverview(summary) {
  const { build, customers: number } = summary, months = build.horizon_days && Math.round(build.horizon_days / 30.4);
  $("total").textContent = money(summary.total);
  $("meaning").textContent = `is what ${count(number, "customer is", "customers are")} predicted to be worth`
    + (build.horizon_days ? ` over the next ${build.horizon_days} days` + (months > 1 ? `, about ${months} months` : "") : "")
    + (build.as_of_date ? `, seen from ${day(build.as_of_date)}.` : ".");
  $("facts").replaceChildren(...pairs(facts(summary)));
  $("best").textContent = number > 10 ? "The ten most valuable" : "From the most valuable down";
  $("top").replaceChildren(...customers(summary.top));
  drawWarnings(summary.warnings);
}

function facts({ build, customers: number, mean, median, lines_not_used: unused }) {
  const lines = (wanted) => unused.filter(({ reason }) => (reason === "left_out") === wanted).reduce((sum, found) => sum + found.lines, 0);
  return [
    ["Customers", whole(number)],
    ["Average", mean === null ? "–" : money(mean)],
    ...(number > 1 ? [["Half are worth more than", money(median)]] : []),
    ...(build.as_of_date ? [["Orders up to", day(build.as_of_date), age(daysAgo(build.as_of_date))]] : []),
    ...(build.currency ? [["Currency", build.currency]] : []),
    ...(lines(false) ? [["Order lines that could not be used", whole(lines(false)), `of ${whole(build.lines)}`]] : []),
    ...(lines(true) ? [["Order lines left out as asked", whole(lines(true)), `of ${whole(build.lines)}`]] : []),
  ];
}

const age = (days) => days < 0 ? "" : days === 0 ? "today" : days === 1 ? "yesterday" : `${whole(days)} days ago`;

export function drawTrend({ history }) {
  const figure = $("trend");
  figure.hidden = history.length < 2;
  if (figure.hidden) return;
  const svg = figure.querySelector("svg"), told = `Total predicted value, ${money(history[0].total)} to ${money(history.at(-1).total)}`;
  drawLine(svg, history.map((point) => ({ ...point, value: point.total })));
  svg.setAttribute("aria-label", told);
  figure.querySelector("figcaption").textContent = told;
}

function drawWarnings(warnings) {
  $("warnings").hidden = warnings.length === 0;
  $("doubts").textContent = warnings.length === 1 ? "One thing is doubtful about these numbers" : `${warnings.length} things are doubtful about these numbers`;
  $("warnings").querySelector("ul").replaceChildren(...warnings.map((warning) => element("li", {}, warning.text)));
}

export function drawProvenance({ build }) {
  const built = build.built_at && new Date(`${build.built_at}Z`), hours = built && (Date.now() - built) / 3600000;
  const age = hours < 1 ? "in the last hour" : hours < 48 ? count(Math.round(hours), "hour ago", "hours ago") : count(Math.round(hours / 24), "day ago", "days ago");
  $("provenance").textContent = [
    build.build_id && `Build ${build.build_id}`, built && `made ${age}, ${built.toLocaleString()}`,
    build.model_id && `model ${build.model_id}`, build.orders_file && `from ${build.orders_file}`,
  ].filter(Boolean).join(" · ");
}
