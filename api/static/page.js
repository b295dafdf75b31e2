// Draws the page from the JSON routes, and shows what the part of the address behind its # asks for.

import { asked, builds, follow, Refused, token } from "./ask.js";
import { drawChanges } from "./changes.js";
import { drawCohorts } from "./cohorts.js";
import { lookUp, showCustomer } from "./customer.js";
import { $, wanted } from "./dom.js";
import { useCurrency } from "./format.js";
import { showGroup } from "./group.js";
import { drawOutcome } from "./outcome.js";
import { drawOverview, drawProvenance, drawTrend } from "./overview.js";
import { drawSegments, segment } from "./segments.js";
import { drawTenths, tenth } from "./tenths.js";
import { offerUpload, takeUploads } from "./upload.js";

let summary = null; // what is drawn; drawn anew only after a new build, so that nothing moves under a reader
let wantsToUpload = false; // who may only read has asked for it, and is giving another token
const page = { published: showPublished, refused: tell };

async function load() {
  if (await loadSummary()) await loadUpload();
}

// Whether the server answers who asks.
async function loadSummary() {
  try {
    builds.clear();
    const found = await asked("summary"), before = summary;
    $("content").hidden = false;
    $("notice").hidden = true;
    $("access").hidden = !wantsToUpload;
    summary = found;
    if (before?.build.build_id !== found.build.build_id) {
      const refocus = keepFocus();
      await draw();
      refocus();
    }
    drawProvenance(summary);
    if (builds.size > 1) return loadSummary(); // a new build was published while this one was drawn, and is mixed in
  } catch (error) {
    tell(error);
    return Boolean(error.status);
  }
  return true;
}

async function loadUpload() {
  const uploads = await offerUpload(page).catch(() => null); // asked again in a minute
  $("may-upload").hidden = uploads !== "token";
  if (uploads !== "taken") return;
  wantsToUpload = false;
  $("access").hidden = true;
}

// The API loads a build after it is published: at once a small one, a large one in seconds.
async function showPublished(buildId) {
  for (let asked = 0; asked < 10; asked += 1) {
    await loadSummary();
    if (summary?.build.build_id === buildId) return;
    await new Promise((passed) => setTimeout(passed, 1000));
  }
}

// Drawing anew takes the element that has the focus away; the same link in the same list gets it back.
function keepFocus() {
  const focused = document.activeElement, href = focused?.getAttribute("href"), list = focused?.closest("[id]")?.id;
  if (!href?.startsWith("#") || !list) return () => {};
  return () => $(list).querySelector(`[href=${CSS.escape(href)}]`)?.focus({ preventScroll: true });
}

async function draw() {
  useCurrency(summary.build.currency);
  for (const part of [drawOverview, drawTrend, drawChanges, drawTenths, drawCohorts, drawOutcome]) part(summary);
  await drawSegments(summary.customers);
  await show();
}

async function show() {
  const id = wanted().get("customer"), shown = [];
  if (id !== null) shown.push(showCustomer(id, summary.customers));
  else $("card").hidden = true;
  for (const [name, find] of [["tenth", tenth], ["segment", segment]]) {
    const chosen = wanted().get(name), group = find(chosen, summary);
    if (group) shown.push(showGroup(name, group, () => wanted().get(name) === chosen));
    else $(name).hidden = true;
  }
  for (const chosen of document.querySelectorAll("#deciles a, #segment-table a")) {
    chosen.classList.toggle("chosen", chosen.getAttribute("href") === location.hash);
  }
  await Promise.all(shown);
}

// As chosen by a person; what is shown of a build that is not drawn yet has it drawn.
async function showChosen() {
  await show();
  if (builds.size > 1) await loadSummary();
  [$("card"), $("tenth"), $("segment")].find((box) => !box.hidden)?.scrollIntoView({ block: "nearest" });
}

function tell(error) {
  if (error instanceof Refused) {
    $("refused").textContent = token.get() ? "This token is not one that may ask. Check it and try again." : "";
    token.forget();
    wantsToUpload = false;
    askForToken("This warehouse asks for a token. It stays in this tab.");
    return;
  }
  if (error.status) $("access").hidden = !wantsToUpload; // the token is one that may ask
  $("notice").hidden = false;
  $("notice").textContent = !error.status ? "The server does not answer. What stands here may be out of date."
    : error.status === 503 && !summary ? "Nothing to show yet. As soon as a build is published, it stands here." : error.message;
}

function askForToken(why) {
  $("access").querySelector("label").textContent = why;
  $("access").hidden = false;
  $("token").focus();
}

$("lookup").addEventListener("submit", (event) => {
  event.preventDefault();
  lookUp();
});
$("access").addEventListener("submit", async (event) => {
  event.preventDefault();
  token.set($("token").value.trim());
  await load();
  if (wantsToUpload && token.get()) $("refused").textContent = "This token may not upload. Check it and try again.";
});
$("may-upload").addEventListener("click", () => {
  wantsToUpload = !wantsToUpload;
  $("refused").textContent = "";
  $("access").hidden = true;
  if (!wantsToUpload) return;
  askForToken("To upload, another token is asked for. It stays in this tab.");
});
takeUploads(page);
addEventListener("hashchange", () => summary && showChosen().catch(tell));
addEventListener("click", (event) => follow(event, tell));
addEventListener("visibilitychange", () => document.hidden || load()); // whoever comes back to the tab sees the newest build
load();
setInterval(load, 60000);
