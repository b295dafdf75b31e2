// Orders that somebody brings: sent, shown as they would be read, followed while they are built, and what came of them.

import { asked, Refused, send } from "./ask.js";
import { $, element } from "./dom.js";
import { bytes, count, day, percent } from "./format.js";
import { decide } from "./reading.js";

const ENDED = new Set(["published", "failed", "cancelled"]);
const SOON = 1000, LATER = 5000, SOON_LOOKS = 60; // a build of minutes need not be looked at each second

const form = $("orders"), file = $("orders-file"), building = $("building");
const cancel = building.querySelector("button");
let busy = false, limit = Infinity;

// What was brought with this browser and has not come to an end that was told: other people's is theirs to decide.
const own = {
  is: (id) => localStorage.getItem("upload") === id,
  set: (id) => localStorage.setItem("upload", id),
  forget: () => localStorage.removeItem("upload"),
};

// `page`: {published(build id), refused(error)}: what the rest of the page does then.
export function takeUploads(page) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    during(page, () => bring(page));
  });
  addEventListener("dragover", (event) => {
    if ($("upload").hidden || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault(); // otherwise the browser would leave the page to show the file
    $("drop").classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget || $("drop").classList.remove("over"));
  addEventListener("drop", (event) => {
    if ($("upload").hidden || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    $("drop").classList.remove("over");
    if (!busy) drop(event.dataTransfer.files);
  });
}

function drop(files) {
  if (files.length !== 1) return tell("One file at a time. Several of the same columns can come in one zip.");
  tell();
  file.files = files;
  $("drop").scrollIntoView({ block: "nearest" });
  form.querySelector("button").focus();
}

// Offers an upload to who may, follows what was uploaded and is not built yet, and tells what came of one's own while the
// page was closed. Whether they may: taken, token or off.
export async function offerUpload(page) {
  const { uploads, upload_limit, builds } = await asked("builds");
  limit = upload_limit;
  $("upload").hidden = uploads !== "taken";
  const waiting = builds.find(({ id, source, state }) => source === "upload" && !ENDED.has(state) && (state !== "held" || own.is(id)));
  const left = builds.find(({ id, state }) => own.is(id) && ENDED.has(state));
  if (uploads === "taken" && waiting && !busy) during(page, () => follow(waiting.id, page));
  else if (uploads === "taken" && left && !busy) end(await asked(`builds/${left.id}`));
  return uploads;
}

async function during(page, work) {
  busy = true;
  form.hidden = true;
  building.hidden = cancel.disabled = false;
  if (!document.activeElement?.checkVisibility() || document.activeElement === document.body) cancel.focus({ preventScroll: true });
  try {
    await work();
  } catch (error) {
    if (error instanceof Refused) page.refused(error);
    else tell(error.name === "AbortError" ? "Cancelled. Nothing of the file was kept." : error.message);
  }
  const leave = document.activeElement === cancel || document.activeElement === document.body;
  busy = false;
  form.hidden = false;
  building.hidden = true;
  if (leave) $("uploaded").focus({ preventScroll: true });
}

async function bring(page) {
  const given = new FormData(form), { name, size } = file.files[0], stopped = new AbortController();
  if (size > limit) return tell(`${name} has ${bytes(size)}; a file may have ${bytes(limit)} at most. Pack it with gzip, or have the limit raised (UPLOAD_LIMIT).`);
  given.set("inspect", "true");
  for (const [field, value] of [...given]) if (value === "" || value.size === 0 && field !== "orders") given.delete(field);
  cancel.onclick = () => stopped.abort();
  tell(`${name} is being sent.`);
  const { id } = await send("orders", given, { onShare: (share) => far(share, `${percent(share)} sent`), signal: stopped.signal });
  form.reset();
  own.set(id);
  await follow(id, page);
}

async function follow(id, page) {
  cancel.onclick = async () => {
    cancel.disabled = true;
    await asked(`builds/${id}`, "DELETE").catch(() => { cancel.disabled = false; }); // what has ended meanwhile is told below
  };
  for (let looks = 0; ; looks += 1) {
    const build = await look(id);
    if (build && ENDED.has(build.state)) {
      end(build);
      return build.state === "published" && page.published(build.build.build_id);
    }
    if (build?.state === "held" && build.reading) {
      await settle(build);
      looks = 0;
      continue;
    }
    if (build) drawProgress(build);
    await new Promise((passed) => setTimeout(passed, looks < SOON_LOOKS ? SOON : LATER));
  }
}

// Has done what the person decides on.
async function settle(build) {
  tell();
  building.hidden = true;
  const { what, mapping } = await decide(build);
  building.hidden = false;
  cancel.focus({ preventScroll: true });
  const address = `builds/${build.id}`;
  const done = { build: () => asked(address, "POST"), read: () => asked(`${address}/mapping`, "PUT", { mapping }), cancel: () => asked(address, "DELETE") }[what]();
  await done.catch((error) => { if (error.status !== 409) throw error; }); // it was decided on elsewhere, as the next look tells
}

// The build, or null where the server has no time or is not there: it is asked again.
async function look(id) {
  try {
    return await asked(`builds/${id}`);
  } catch (error) {
    if (error instanceof Refused || error.status === 404) throw error;
    far(null, "The server does not answer. It is asked again.");
    return null;
  }
}

function drawProgress({ name, state, step, share_done: share, rows_scored: rows, seconds, message }) {
  if (state !== "running") {
    tell(`${name} waits. ${message}`);
    return far(null, "");
  }
  tell(`${name} is being built: ${step ?? "start"}.`);
  far(share, [`${percent(share)} done`, count(Math.round(seconds), "second", "seconds"), rows && `${count(rows, "customer", "customers")} predicted`].filter(Boolean).join(" · "));
}

function far(share, words) {
  const bar = building.querySelector("progress");
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
  building.querySelector("p").textContent = words;
}

function end({ id, name, state, message, warnings, rejected, build }) {
  const said = {
    published: () => `${name} is published: ${count(build.customers, "customer", "customers")}, as of ${day(build.as_of_date)}.`,
    failed: () => `${name} was not published. What was published before is as it was.`,
    cancelled: () => `The build of ${name} was cancelled. What was published before is as it was.`,
  }[state]();
  const readAs = build?.read_as && `Read as ${build.read_as.replaceAll("\n", "; ")}.`;
  tell(said, readAs, message, ...warnings.map(({ text }) => [text]), ...(state === "published" ? rejected.map(unused) : []));
  if (own.is(id)) own.forget();
}

const unused = ({ reason, lines, examples }) => [
  `${count(lines, "line is", "lines are")} not used (${reason.replaceAll("_", " ")})${examples.length ? `, such as ${examples.join(" and ")}` : ""}`,
];

// Texts are paragraphs, a list of one is an item. What stands there already is not said again by a screen reader.
function tell(...told) {
  const box = $("uploaded"), items = told.filter(Array.isArray).map(([text]) => element("li", {}, text));
  const texts = told.filter((text) => text && !Array.isArray(text)).map((text) => element("p", {}, text));
  const now = [...texts, ...(items.length ? [element("ul", {}, ...items)] : [])];
  const same = now.length === box.children.length && now.every((part, n) => part.isEqualNode(box.children[n]));
  if (!same) box.replaceChildren(...now);
}
