// The customers of a group that was chosen, a tenth or a segment: page by page, and all of them as a file.

import { $, customers } from "./dom.js";
import { count } from "./format.js";

// `group`: {title, size, page, file}, where `page` answers a page of /predictions and `file` is a path and a name.
export async function showGroup(id, group, stillWanted, cursor = null) {
  const { predictions, next_cursor: next } = await group.page(cursor);
  if (!stillWanted()) return;
  const box = $(id), list = box.querySelector("ol"), more = box.querySelector("button"), file = box.querySelector("a[data-file]");
  if (!cursor) list.replaceChildren();
  list.append(...customers(predictions, { first: list.children.length + 1 }));
  box.querySelector("h3").textContent = `${group.title}: ${count(group.size, "customer", "customers")}`;
  [file.href, file.dataset.file] = group.file;
  more.hidden = next === null;
  more.onclick = () => showGroup(id, group, stillWanted, next);
  box.hidden = false;
}
