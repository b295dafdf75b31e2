// Asks the JSON routes, with the token of this tab where there is one.

export class Refused extends Error {}

export const token = {
  get: () => sessionStorage.getItem("token"),
  set: (text) => sessionStorage.setItem("token", text),
  forget: () => sessionStorage.removeItem("token"),
};

const headers = () => (token.get() ? { Authorization: `Bearer ${token.get()}` } : {});

function refusal(status, problem) {
  return status === 401 ? new Refused(problem.detail) : Object.assign(new Error(problem.detail), { status });
}

// The builds that have answered since this was last cleared, by the tag that each answer of a build carries.
export const builds = new Set();

async function ask(path, method = "GET", body = undefined) {
  const typed = body && { "Content-Type": "application/json" };
  const answer = await fetch(path, { method, headers: { ...headers(), ...typed }, body: body && JSON.stringify(body) });
  if (answer.headers.has("ETag")) builds.add(answer.headers.get("ETag"));
  if (answer.ok) return answer;
  throw refusal(answer.status, await answer.json().catch(() => ({ detail: answer.statusText })));
}

export const asked = async (path, method, body) => (await ask(path, method, body)).json();

// Sends a form; unlike a fetch it tells which share of it is sent.
export function send(path, form, { onShare, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onShare(loaded / total);
    request.onload = () => (request.status < 300 ? resolve(request.response)
      : reject(refusal(request.status, request.response ?? { detail: request.statusText })));
    request.onerror = () => reject(new Error("The file did not come through: the line has broken. Send it again."));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

// A link cannot send a token: with one, the file is fetched here and handed over as a download.
export async function follow(event, failed) {
  const anchor = event.target.closest("a[data-file]");
  if (!anchor || !token.get()) return;
  event.preventDefault();
  try {
    const url = URL.createObjectURL(await (await ask(anchor.getAttribute("href"))).blob());
    Object.assign(document.createElement("a"), { href: url, download: anchor.dataset.file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  } catch (error) {
    failed(error);
  }
}
