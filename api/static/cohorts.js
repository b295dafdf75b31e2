// Customers by the time of their first order: what each has spent so far, and what is still to come.

import { $, table } from "./dom.js";
import { money, month, percent, whole } from "./format.js";
import { bar } from "./charts.js";

const MOST = 18; // rows that can be taken in at a glance

const BY = [
  { one: "month", of: (day) => day.slice(0, 7), name: (day) => month(day) },
  { one: "quarter", of: (day) => `${day.slice(0, 4)} Q${Math.ceil(day.slice(5, 7) / 3)}` },
  { one: "year", of: (day) => day.slice(0, 4) },
];

export function drawCohorts({ cohorts, customers }) {
  $("cohorts").hidden = cohorts.length < 2 || customers < 10;
  if ($("cohorts").hidden) return;
  const grain = BY.find(({ of }) => new Set(cohorts.map((cohort) => of(cohort.month))).size <= MOST) ?? BY.at(-1);
  const rows = together(cohorts, grain), best = rows.reduce((one, other) => (other.worth > one.worth ? other : one));
  $("came-in").textContent = `Who first came in ${best.name} is worth most: ${money(best.spent)} spent each, and ${money(best.ahead)} to come`;
  $("came-in-sub").textContent = `Customers by the ${grain.one} of their first order, newest first. What they have spent so far and `
    + "what is predicted, in the mean of a customer; younger ones have had less time to spend.";
  const most = Math.max(...rows.map((row) => Math.max(0, row.spent) + Math.max(0, row.ahead)));
  $("cohort-table").replaceChildren(table(`Customers by the ${grain.one} of their first order`,
    [["First order", ""], ["Customers", "number"], ["Came back", "number wide"], ["Spent", "number"], ["To come", "number"], ["", "picture"]],
    rows.map((row) => [row.name, whole(row.customers), percent(row.repeat / row.customers), money(row.spent), money(row.ahead),
      bar([["faint", row.spent], ["strong", row.ahead]], most)])));
}

function together(cohorts, { of, name = of }) {
  const found = new Map();
  for (const { month, customers, repeat_customers, revenue, clv } of cohorts) {
    const sum = found.get(of(month)) ?? { name: name(month), customers: 0, repeat: 0, revenue: 0, clv: 0 };
    found.set(of(month), sum);
    sum.customers += customers, sum.repeat += repeat_customers, sum.revenue += revenue, sum.clv += clv;
  }
  return [...found.values()].reverse().map((sum) => {
    const spent = sum.revenue / sum.customers, ahead = sum.clv / sum.customers;
    return { ...sum, spent, ahead, worth: spent + ahead };
  });
}
