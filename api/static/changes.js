// What is new since the earlier date that the build is compared with.

import { $, customers, pairs } from "./dom.js";
import { count, day, money, percent } from "./format.js";

const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "") + money(Math.abs(value));
const people = (number) => count(number, "customer", "customers");

export function drawChanges({ changes, history, total }) {
  const before = changes && history.find((point) => point.as_of_date === changes.since);
  $("change").textContent = before ? sentence(changes, before, total) : "";
  $("changes").hidden = !changes;
  if (!changes) return;
  const of = (movement) => changes.movements.find((found) => found.movement === movement) ?? { customers: 0, before: 0, now: 0 };
  const moved = (movement) => of(movement).now - of(movement).before;
  const kinds = [["risen", "Rose"], ["joined", "New"], ["fallen", "Fell"], ["left", "No longer there"]];
  $("new").textContent = headline(changes, of, moved);
  $("news").textContent = changes.comparable
    ? "Who orders rises; who does not falls a little every day. Together these are the whole change of the total."
    : "Another model predicted then, or it looked ahead over another number of days. Who rose and who fell can be said again with the next build by the same model.";
  $("movements").replaceChildren(...pairs(kinds.filter(([kind]) => of(kind).customers)
    .map(([kind, name]) => [name, signed(moved(kind)), people(of(kind).customers)])));
  for (const [id, found] of [["risers", changes.risers], ["fallers", changes.fallers]]) {
    $(id).replaceChildren(...customers(found.slice(0, 5), { said: (one) => signed(one.clv - one.before) }));
    $(id).parentElement.hidden = found.length === 0;
  }
}

function sentence(changes, before, total) {
  if (!changes.comparable) return `On ${day(changes.since)} it was ${money(before.total)}, but by another model or over other days: the two are not to be compared.`;
  const more = total - before.total;
  if (more === 0) return `As much as on ${day(changes.since)}.`;
  const relative = before.total > 0 ? `, ${more < 0 ? "down" : "up"} ${percent(Math.abs(more) / before.total)}` : "";
  return `${money(Math.abs(more))} ${more < 0 ? "less" : "more"} than on ${day(changes.since)}${relative}.`;
}

function headline(changes, of, moved) {
  const since = `Since ${day(changes.since)}`, joined = of("joined").customers, risen = of("risen").customers;
  const news = [
    joined && `${people(joined)} joined, worth ${money(of("joined").now)}`,
    risen && `${joined ? "" : "the value of "}${joined ? count(risen, "other rose", "others rose") : `${people(risen)} rose`} by ${money(moved("risen"))}`,
  ].filter(Boolean);
  if (news.length) return `${since}, ${news.join(", and ")}`;
  return changes.comparable ? `${since}, nobody joined and nobody rose` : `${since}, nobody joined`;
}
