// The value by tenths of customers, and who is in one.

import { asked } from "./ask.js";
import { drawBars } from "./charts.js";
import { $, link } from "./dom.js";
import { count, money, percent } from "./format.js";

export function drawTenths({ deciles, customers }) {
  const few = customers < 10, share = deciles[0]?.share ?? null;
  $("finding").textContent = few ? "Each customer's part of the value" : share === null ? "Value by tenth of customers"
    : `The top tenth of customers holds ${percent(share)} of the value`;
  $("groups").textContent = few ? "From the most to the least valuable. With ten customers and more, they stand here in tenths."
    : "Customers in ten equal groups, from the most to the least valuable, and what each group holds of the total. Choose one to see who is in it.";
  drawBars($("deciles"), deciles.map((tenth) => ({
    name: nameOf(tenth.decile, few), value: tenth.total, href: link("tenth", tenth.decile),
    label: tenth.share === null ? money(tenth.total) : percent(tenth.share),
    told: `${nameOf(tenth.decile, few)}: ${count(tenth.customers, "customer holds", "customers hold")} ${money(tenth.total)}; `
      + `each is worth ${money(tenth.min_clv)} to ${money(tenth.max_clv)}`,
  })));
}

const nameOf = (decile, few) => few ? `No. ${decile}` : decile === 1 ? "top tenth" : decile === 10 ? "last" : `${decile}.`;
const titleOf = (decile, few) => few ? `No. ${decile}` : decile === 1 ? "Top tenth" : decile === 10 ? "Last tenth" : `Tenth ${decile}`;

// A tenth as a group to be shown, by its number in the address; null where there is none.
export function tenth(number, { deciles, customers }) {
  const found = deciles.find(({ decile }) => decile === Number(number));
  return found ? {
    title: titleOf(found.decile, customers < 10),
    size: found.customers,
    page: (cursor) => asked(`predictions?decile=${found.decile}&limit=50${cursor ? `&cursor=${cursor}` : ""}`),
    file: [`customers.csv?decile=${found.decile}`, `tenth-${found.decile}.csv`],
  } : null;
}
