// Asks the JSON routes, with the token of this tab where there is one.

export class Refused extends Error {}

export const token = {
  get: () => sessionStorage.getItem("token"),
  set: (text) => sessionStorage.setItem("token", text),
  forget: () => sessionStorage.removeItem("token"),
};

async function ask(path) {
  const answer = await fetch(path, { headers: token.get() ? { Authorization: `Bearer ${token.get()}` } : {} });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
  if (answer.status === 401) throw new Refused(problem.detail);
  throw Object.assign(new Error(problem.detail), { status: answer.status });
}

export const asked = async (path) => (await ask(path)).json();

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
