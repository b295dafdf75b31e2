// Customers by what they are worth and where they are on their way, and who of the valuable is slipping away.

import { asked } from "./ask.js";
import { $, customers, element, link, table } from "./dom.js";
import { count, money, percent, whole } from "./format.js";

const TIERS = ["high", "medium", "low"], LIFECYCLES = ["new", "active", "slipping", "lapsed"];
const VALUABLE = ["high", "medium"];
const SHOWN = 10;

const query = (tier, lifecycle) => `tier=${tier}&lifecycle=${lifecycle}`;
const page = (tier, lifecycle, limit, cursor) =>
  asked(`predictions?${query(tier, lifecycle)}&limit=${limit}${cursor ? `&cursor=${cursor}` : ""}`);
const file = (tier, lifecycle) => `customers.csv?${query(tier, lifecycle)}`;
const people = (number) => count(number, "customer", "customers");

let segments = [];
const of = (tier, lifecycle) => segments.find((found) => found.tier === tier && found.lifecycle === lifecycle) ?? { customers: 0, total: 0, share: null };

export async function drawSegments(everybody) {
  $("slipping").hidden = $("segments").hidden = everybody < 10; // of a few, each is seen below
  if (everybody < 10) return;
  segments = (await asked("segments")).segments;
  drawMatrix();
  await drawSlipping();
}

async function drawSlipping() {
  const [high, medium] = VALUABLE.map((tier) => of(tier, "slipping")), number = high.customers + medium.customers;
  $("losing").textContent = number === 0 ? "Nobody of value is slipping away"
    : `${people(number)} of value ${number === 1 ? "is" : "are"} slipping away, and ${money(high.total + medium.total)} with them`;
  $("losing-sub").textContent = number
    ? "They are of high or medium value and buy at less than half of their own usual pace: the ones to write to this week, the most valuable first."
    : "All customers of high and medium value keep at least half of their own usual pace, or have lapsed.";
  const first = high.customers ? await mostValuable("high", SHOWN) : [];
  const missing = SHOWN - first.length, rest = missing && medium.customers ? await mostValuable("medium", missing) : [];
  $("slipping-customers").replaceChildren(...customers([...first, ...rest], { why: silence }));
  $("slipping-files").replaceChildren(...VALUABLE.filter((tier) => of(tier, "slipping").customers).map((tier) =>
    element("a", { href: file(tier, "slipping"), "data-file": `${tier}-slipping.csv` }, `${people(of(tier, "slipping").customers)} of ${tier} value as CSV`)));
}

const mostValuable = async (tier, limit) => (await asked(`customers?${query(tier, "slipping")}&order=value&limit=${limit}`)).customers;

// By what puts them here: the pace that is kept, or the silence alone where the model tells no chance to buy.
function silence({ days_since_last_purchase: days, usual_gap: gap, pace_kept: pace }) {
  if (!gap) return "";
  const silent = `${count(days, "day", "days")} silent`;
  return Number.isFinite(pace) ? `${percent(Math.round(pace * 100) / 100)} of their pace, ${silent}`
    : `${silent}, usually ${count(Math.round(gap), "day", "days")}`;
}

function drawMatrix() {
  const share = TIERS.reduce((sum, tier) => sum + of(tier, "active").share + of(tier, "new").share, 0);
  $("ways").textContent = segments.every((found) => found.share === null) ? "Customers by their value and where they are on their way"
    : `${percent(share)} of the value is with customers who are new or active`;
  $("segment-table").replaceChildren(table("Customers by value tier and lifecycle",
    [["", ""], ...TIERS.map((tier) => [`${tier} value`, "number"])],
    LIFECYCLES.map((lifecycle) => [lifecycle, ...TIERS.map((tier) => cell(tier, lifecycle))])));
}

function cell(tier, lifecycle) {
  const { customers, total } = of(tier, lifecycle);
  if (!customers) return "–";
  const told = `${people(customers)} of ${tier} value, ${lifecycle}, worth ${money(total)}: show them`;
  return element("a", { href: link("segment", `${tier} ${lifecycle}`), class: "cell", "aria-label": told },
    element("b", {}, whole(customers)), element("span", {}, money(total)));
}

// A segment as a group to be shown, by its name in the address; null where there is none of the name.
export function segment(name) {
  const [tier, lifecycle] = (name ?? "").split(" ");
  if (!TIERS.includes(tier) || !LIFECYCLES.includes(lifecycle)) return null;
  return {
    title: `${tier[0].toUpperCase()}${tier.slice(1)} value, ${lifecycle}`,
    size: of(tier, lifecycle).customers,
    page: (cursor) => page(tier, lifecycle, 50, cursor),
    file: [file(tier, lifecycle), `${tier}-${lifecycle}.csv`],
  };
}
