// How orders that were brought would be read: shown, asked about, and what the person decides.

import { $, element, table } from "./dom.js";
import { count } from "./format.js";

const box = $("reading"), form = box.querySelector("form"), written = form.querySelector("textarea");
const GAP = "…"; // in the line of an answer: what has to be written there, a column

// Shows it, and waits for what is decided: {what: "build"}, {what: "read", mapping} or {what: "cancel"}.
export function decide({ name, reading }) {
  const ready = !reading.problem && !reading.questions.length, questions = reading.questions.map(ask(reading));
  box.querySelector("h3").textContent = title(name, reading);
  box.querySelector("p").textContent = reading.problem ?? (ready ? "This is how it is read. Look whether it is right; nothing is built before you say so." : "");
  $("questions").replaceChildren(...questions.map(({ drawn }) => drawn));
  $("read-columns").replaceChildren(...(reading.columns.length ? [columns(reading)] : []));
  $("read-notes").replaceChildren(...notes(reading).map((text) => element("li", {}, text)));
  written.value = reading.mapping;
  box.querySelector("details").open = Boolean(reading.problem);
  const [build, again, cancel] = form.querySelectorAll("button");
  const offer = () => {
    build.hidden = !ready || written.value !== reading.mapping;
    again.hidden = !build.hidden;
  };
  offer();
  written.oninput = offer;
  box.hidden = false;
  box.querySelector("h3").focus({ preventScroll: true });
  box.scrollIntoView({ block: "nearest" });
  return new Promise((resolve) => {
    const end = (decision) => {
      box.hidden = true;
      resolve(decision);
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      end(again.hidden ? { what: "build" } : { what: "read", mapping: [written.value, ...questions.map(({ answer }) => answer())].join("\n") });
    };
    cancel.onclick = () => end({ what: "cancel" });
  });
}

function title(name, { problem, questions, lines }) {
  if (problem) return `${name} cannot be read so`;
  return questions.length ? `${name}: ${count(questions.length, "thing", "things")} only you can say` : [name, ...lines.slice(0, 1)].join(": ");
}

// A question as {drawn, answer()}, where answer() is the line for the mapping that was chosen.
const ask = ({ not_used: names, columns }) => ({ text, answers }, number) => {
  const used = columns.filter(({ examples }) => examples.length).map(({ made_of: name }) => name);
  const lines = answers.map(({ line, meaning }, n) => {
    const chosen = element("input", { type: "radio", name: `question-${number}`, required: "", ...(answers.length === 1 ? { checked: "", hidden: "" } : {}) });
    const gap = line.includes(GAP) ? element("select", { "aria-label": "Column" }, ...[...names, ...used].map((name) => element("option", {}, name))) : null;
    const said = gap ? [meaning, gap] : [meaning, element("code", {}, line)];
    return { chosen, drawn: element("label", {}, chosen, ...said.filter(Boolean)), line: () => line.replace(GAP, JSON.stringify(gap?.value)) };
  });
  return {
    drawn: element("fieldset", {}, element("legend", {}, text), ...lines.map(({ drawn }) => drawn)),
    answer: () => lines.find(({ chosen }) => chosen.checked)?.line() ?? "",
  };
};

const columns = ({ columns }) => table("How each column is read", [["", ""], ["Made of", ""], ["Such as", "examples"]],
  columns.map(({ name, made_of: source, examples }) => [name.replaceAll("_", " "), source, examples.join(" · ")]));

// What is said of the columns stands in their table, and of dates and numbers in `formats`, with how many values fit.
function notes({ read_as: readAs, columns, formats, lines, not_used: unused }) {
  const elsewhere = new Set(["dates", "numbers", ...columns.map(({ name }) => name)]);
  return [
    ...readAs.filter((line) => !elsewhere.has(line.split(/[: ]/)[0])), ...formats, ...lines.slice(1),
    ...(unused.length ? [`not used: ${unused.join(", ")}`] : []),
  ];
}
