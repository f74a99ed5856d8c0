// Searches while somebody types: the answer replaces the one on the page, its sentence is read out.
const form = document.getElementById("search");
const box = document.getElementById("q");
const told = document.getElementById("told");
const PAUSE = 150;
let waiting;
let asking;

const question = () => {
  const fields = [...new FormData(form)].filter(([, text]) => text.trim() !== "");
  const day = form.elements.on;
  return new URLSearchParams(
    fields.filter(([name, text]) => name !== "on" || text !== day.defaultValue || location.search.includes("on=")),
  );
};

const ask = async () => {
  asking?.abort();
  asking = new AbortController();
  const query = question();
  const address = query.size ? `/codes?${query}` : "/codes";
  query.set("part", "results");
  let text;
  try {
    const answer = await fetch(`/codes?${query}`, { signal: asking.signal });
    if (!answer.ok) throw new Error(String(answer.status));
    text = await answer.text();
  } catch (error) {
    if (error.name !== "AbortError") told.textContent = "The search did not answer; press Search.";
    return;
  }
  const found = new DOMParser().parseFromString(text, "text/html").getElementById("found");
  if (!found) return;
  document.getElementById("found").replaceWith(found);
  told.textContent = found.dataset.told;
  history.replaceState(null, "", address);
};

const soon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(ask, PAUSE);
};
box.addEventListener("input", soon);
form.addEventListener("change", (event) => {
  if (event.target !== box) soon();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(waiting);
  ask();
});

// From the box into the answer and through it, by the arrow keys.
const links = () => [...document.querySelectorAll("#found .found a")];
document.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const all = links();
  const here = all.indexOf(document.activeElement);
  if (document.activeElement !== box && here < 0) return;
  const next = here + (event.key === "ArrowDown" ? 1 : -1);
  if (next >= all.length) return;
  event.preventDefault();
  (next < 0 ? box : all[next]).focus();
});
