// What was predicted then and what came of it, and where the report on the model is.

import { $, element, table } from "./dom.js";
import { count, day, later, money, percent, whole } from "./format.js";
import { twoBars } from "./charts.js";

export function drawOutcome({ outcome, history, build, training_report: report }) {
  $("came").textContent = outcome ? headline(outcome) : "Whether it comes true";
  $("came-sub").textContent = outcome ? explained(outcome) : whenDue(history, build);
  $("then").hidden = !outcome;
  $("tenths-then").replaceChildren(...(outcome ? [drawn(outcome.deciles)] : []));
  const link = element("a", { href: report ?? "", "data-file": "training-report.html" }, "How good the model was on past dates: the report of its training");
  $("report").replaceChildren(...(report ? [link] : []));
  $("outcome").hidden = !outcome && !report && !$("came-sub").textContent;
}

function headline({ as_of_date, predicted, actual }) {
  const off = actual > 0 ? predicted / actual - 1 : null, then = `Of what was predicted on ${day(as_of_date)}`;
  if (off === null) return `${then}, nothing came`;
  if (Math.abs(off) < 0.005) return `What was predicted on ${day(as_of_date)} came, to the percent`;
  return `The predictions of ${day(as_of_date)} were ${percent(Math.abs(off))} too ${off > 0 ? "high" : "low"} in total`;
}

function explained({ as_of_date, until, predicted, actual, horizon_days }) {
  return `${money(predicted)} was predicted for the ${whole(horizon_days)} days to ${day(until)}, and ${money(actual)} came from the same customers, `
    + `counted in money of ${day(as_of_date)} as the model counts. By tenths of the customers of then, the most valuable first:`;
}

function whenDue(history, build) {
  const first = history.find((point) => point.horizon_days);
  if (!first) return build.model_id ? "The model does not say over how many days its values are, so what came cannot be held against them." : "";
  return `From ${day(later(first.as_of_date, first.horizon_days))} on, what was predicted on ${day(first.as_of_date)} can be held against the orders that came: `
    + `it is for ${count(first.horizon_days, "day", "days")}.`;
}

function drawn(tenths) {
  const most = Math.max(...tenths.flatMap((tenth) => [tenth.predicted, tenth.actual]));
  return table("Predicted and actual value by tenths of customers",
    [["Tenth", ""], ["Predicted", "number"], ["Came", "number"], ["Who ordered", "number wide"], ["", "picture"]],
    tenths.map((tenth) => [whole(tenth.decile), money(tenth.predicted), money(tenth.actual),
      percent(tenth.customers_who_ordered / tenth.customers), twoBars(tenth.predicted, tenth.actual, most)]));
}
