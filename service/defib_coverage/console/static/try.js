// /try: asks for the answer again when something changes, and moves the service date in the picture.
// Without this script the form sends itself, and the answer comes as a page.

const form = document.getElementById("trial");
const answer = document.getElementById("answer");
const said = document.getElementById("said");
const own = document.getElementById("own");
const PAUSE = 120; // milliseconds without a change before it is asked
const BUSY = 1000; // milliseconds before a busy service is asked again
const DAY = 86_400_000;

let turn = 0;
let asking = null;
let waiting = null;
let wanted = null; // the day that was chosen and not answered yet
let held = null; // while the date is dragged: whether a picture of another scale is late

/** Parts of the page that may send more with each question add it to the form data here. */
export const additions = [];

/** Ask for the answer to the form as it is; of several answers only the latest is shown. */
export async function ask() {
  clearTimeout(waiting);
  waiting = null;
  const mine = ++turn;
  asking?.abort();
  asking = new AbortController();
  const data = new FormData(form);
  data.set("part", "answer");
  for (const add of additions) add(data);
  answer.setAttribute("aria-busy", "true");
  let html;
  try {
    const response = await fetch("/try", { method: "POST", body: data, signal: asking.signal });
    html = await response.text();
    if (mine !== turn) return;
    if (response.status === 503) {
      // Too many pages at a time: the answer that is there stays, and it is asked once more.
      said.textContent = "The service is busy. Asking again.";
      waiting = setTimeout(ask, BUSY);
      return;
    }
    if (!response.headers.get("content-type")?.startsWith("text/html")) throw new Error("no page");
  } catch (error) {
    if (mine !== turn || error.name === "AbortError") return;
    answer.removeAttribute("aria-busy");
    said.textContent = "The service did not answer. Try again.";
    return;
  }
  show(html);
}

/** Ask when nothing has changed for a moment. */
export function askSoon() {
  clearTimeout(waiting);
  answer.setAttribute("aria-busy", "true");
  waiting = setTimeout(ask, PAUSE);
}

function show(html) {
  const opened = new Map(
    [...answer.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one.open]),
  );
  const focused = document.activeElement?.id;
  const inside = answer.contains(document.activeElement);
  const page = new DOMParser().parseFromString(html, "text/html");
  // An error of the whole service comes as a page of its own.
  const main = page.querySelector("main");
  keepScale(page);
  answer.replaceChildren(...(main ?? page.body).childNodes);
  if (waiting === null) answer.removeAttribute("aria-busy");
  for (const one of answer.querySelectorAll("details[data-key]")) {
    if (opened.has(one.dataset.key)) one.open = opened.get(one.dataset.key);
  }
  if (inside && focused) document.getElementById(focused)?.focus({ preventScroll: true });
  const verdict = document.getElementById("verdict");
  const trouble = answer.querySelector(".trouble");
  said.textContent = verdict?.dataset.said ?? trouble?.textContent.trim() ?? "";
  if (verdict) {
    const day = verdict.dataset.serviceDate;
    // Where the date was moved on meanwhile, the next answer is on its way.
    if (waiting === null) wanted = null;
    if (wanted) place(wanted);
    else if (form.elements.date.value) form.elements.date.value = day;
  }
  answer.dispatchEvent(new CustomEvent("answered", { bubbles: true }));
  remember();
  lead();
}

// On a narrow screen the answer stands below the form: what was chosen by pointer leads to it. Who
// chooses by keyboard stays where they are, and hears the answer.
const narrow = matchMedia("(max-width: 56rem)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const patients = document.getElementById("patients");
let pointed = false; // whether the pointer was used last, rather than the keyboard
let leading = false; // whether the next answer is to be led to

function fold() {
  patients.open = !narrow.matches || own.checked;
}

function tell() {
  const chosen = form.querySelector('input[name="sample"]:checked + span strong');
  document.getElementById("chosen").textContent = chosen?.textContent ?? "";
}

function lead() {
  if (!leading || waiting !== null) return;
  leading = false;
  if (!narrow.matches) return;
  fold();
  const target = document.getElementById("verdict") ?? answer.querySelector(".trouble");
  if (!target) return;
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
  target.scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
}

addEventListener("pointerdown", () => { pointed = true; }, true);
addEventListener("keydown", () => { pointed = false; }, true);
narrow.addEventListener("change", fold);

/** Keep the address of the page true for sample patients; a document is in no address. */
function remember() {
  const data = new FormData(form);
  const query = new URLSearchParams();
  if (data.get("sample")) {
    for (const name of ["sample", "order", "date", "changes"]) {
      if (data.get(name)) query.set(name, data.get(name));
    }
    // Its days are told from this one: the same address shows the same tomorrow.
    query.set("as_of", data.get("as_of"));
  }
  history.replaceState(null, "", query.size ? `/try?${query}` : "/try");
}

// ------------------------------------------------------------------------------- the service date

const iso = (time) => new Date(time).toISOString().slice(0, 10);

function scale() {
  const picture = answer.querySelector(".picture");
  if (!picture) return null;
  return {
    picture,
    thumb: picture.querySelector(".thumb"),
    first: Date.parse(picture.dataset.first),
    span: Number(picture.dataset.span),
  };
}

/** While the date is dragged, a picture of another scale waits: the days stay under the pointer. */
function keepScale(page) {
  const now = answer.querySelector(".picture");
  const next = page.querySelector(".picture");
  if (!held || !now || !next) return;
  if (now.dataset.first === next.dataset.first && now.dataset.span === next.dataset.span) return;
  next.replaceWith(now);
  held.late = true;
}

/** Put the service date in the picture on a day, before the answer is there. */
function place(day) {
  const at = scale();
  if (!at) return;
  const number = Math.round((Date.parse(day) - at.first) / DAY);
  const share = Math.min(Math.max((100 * number) / at.span, 0), 100);
  at.thumb.setAttribute("x", `${share}%`);
  at.thumb.setAttribute("aria-valuenow", String(number));
  at.thumb.setAttribute("aria-valuetext", day);
  const words = at.thumb.querySelector("text");
  words.textContent = `service date ${day}`;
  words.setAttribute("text-anchor", share < 50 ? "start" : "end");
}

function choose(number, at) {
  const bounded = Math.min(Math.max(Math.round(number), 0), at.span);
  const day = iso(at.first + bounded * DAY);
  if (day === (wanted ?? document.getElementById("verdict")?.dataset.serviceDate)) return;
  wanted = day;
  form.elements.date.value = day;
  place(day);
  askSoon();
}

const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 7, PageDown: -7 };

answer.addEventListener("keydown", (event) => {
  const at = scale();
  if (!at || event.target !== at.thumb || event.altKey || event.ctrlKey || event.metaKey) return;
  const now = Number(at.thumb.getAttribute("aria-valuenow"));
  if (event.key in STEPS) choose(now + STEPS[event.key], at);
  else if (event.key === "Home") choose(0, at);
  else if (event.key === "End") choose(at.span, at);
  else return;
  event.preventDefault();
});

function follow(event) {
  const at = scale();
  if (!at) return;
  const box = at.picture.getBoundingClientRect();
  choose(((event.clientX - box.left) / box.width) * at.span, at);
}

answer.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.target.closest(".thumb")) return;
  held = { late: false };
  event.target.closest(".thumb").focus({ preventScroll: true });
  event.preventDefault();
});
// On the window: while the date is dragged, the picture under the pointer is drawn anew.
addEventListener("pointermove", (event) => {
  if (held) follow(event);
});
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => {
    const late = held?.late;
    held = null;
    if (late) askSoon();
  });
}

// ------------------------------------------------------------------------------------- the form

form.addEventListener("change", (event) => {
  const field = event.target.name;
  if (["sample", "document", "file"].includes(field)) {
    // Another patient comes with an order and a day of its own.
    form.elements.date.value = "";
    form.elements.order.value = "";
    wanted = null;
    if (field !== "sample") own.checked = true;
    tell();
    if (field === "file") form.elements.document.value = "";
    if (field === "document") form.elements.file.value = "";
    if (field === "sample" && own.checked && !form.elements.document.value && !form.elements.file.value) {
      form.elements.document.focus();
      return;
    }
  }
  if (pointed && (field === "sample" || field === "order")) leading = true;
  askSoon();
});

form.addEventListener("submit", (event) => {
  if (event.submitter?.dataset.whole) {
    event.preventDefault();
    whole(event.submitter);
    return;
  }
  event.preventDefault();
  leading = true;
  ask();
});

/** Put all of a long document into the page. */
async function whole(button) {
  const data = new FormData(form);
  data.set("part", button.dataset.whole);
  for (const add of additions) add(data);
  button.disabled = true;
  const response = await fetch("/try", { method: "POST", body: data });
  const text = await response.text();
  button.disabled = false;
  if (!response.ok) return;
  document.getElementById(`${button.dataset.whole}-json`).textContent = text;
  button.parentElement.hidden = true;
}

// A record that the tree points at may stand in a part that is closed.
answer.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#record-"]');
  if (!link) return;
  const target = document.getElementById(link.hash.slice(1));
  for (let one = target?.parentElement; one; one = one.parentElement) {
    if (one instanceof HTMLDetailsElement) one.open = true;
  }
});

tell();
fold();
// The address of a sample is true from the start, before anything is changed.
if (new URLSearchParams(location.search).get("sample")) remember();
