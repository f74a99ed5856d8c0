// Shows and hides rows that the page holds already; no text becomes markup.
"use strict";
const controls = document.getElementById("controls");
const query = document.getElementById("query");
const shown = document.getElementById("shown");
const before = document.getElementById("before");
const found = document.getElementById("found");
const elsewhere = document.getElementById("elsewhere");
const MOST_ELSEWHERE = 6;
// Versions, the newest first.
const versions = Array.from(shown.options, (option) => option.value);
// Letters and digits are what is compared: i4720 finds I47.20.
const bare = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}\s]/gu, "");
const sets = Array.from(document.querySelectorAll(".set"), (element) => ({
  element,
  head: bare([element.id, element.querySelector("h3").textContent, element.dataset.cite].join(" ")),
  count: element.querySelector(".count"),
  rows: Array.from(element.querySelectorAll("tbody tr"), (row) => ({
    row,
    mark: row.querySelector(".mark"),
    versions: new Set(row.dataset.in.split(" ")),
    code: bare(row.querySelector("code").textContent),
    text: bare(row.textContent),
  })),
}));
const roles = Array.from(document.querySelectorAll(".role"));
let opened = false;

function counted(number, one) {
  return number + " " + one + (number === 1 ? "" : "s");
}

// Several codes are each looked for; words narrow.
function asked() {
  const terms = query.value.split(/[\s,;]+/).map(bare).filter(Boolean);
  const codes = terms.every((term) => term.length > 2 && /\d/.test(term)) ? terms : [];
  const matches = (text) => {
    const has = (term) => text.includes(term);
    return codes.length > 1 ? terms.some(has) : terms.every(has);
  };
  return { terms, codes, matches };
}

function services(version) {
  return "services " + shown.options[versions.indexOf(version)].textContent;
}

// What is asked for and stands in the sets of other services only, with the way there.
function listElsewhere({ terms, codes, matches }, on, hits) {
  const rows = sets.flatMap((set) => set.rows.map((row) => ({ ...row, set })));
  const others = rows.filter((row) => {
    const isMeant = codes.includes(row.code)
      || (hits === 0 && matches(row.text + " " + row.set.head));
    return terms.length > 0 && isMeant && !row.versions.has(on);
  });
  const lines = others.slice(0, MOST_ELSEWHERE).map(({ row, set, versions: held }) => {
    const line = document.createElement("li");
    const link = document.createElement("a");
    const last = versions.find((version) => held.has(version));
    link.href = "#" + new URLSearchParams({ q: query.value, on: last, since: "" });
    link.textContent = "show " + services(last);
    const code = row.querySelector("code").textContent;
    const days = row.querySelector(".days").textContent;
    line.append(code + " is in " + set.element.id + " for services " + days + ": ", link);
    return line;
  });
  elsewhere.replaceChildren(...lines);
  return others.length;
}

function show() {
  const wish = asked();
  const since = before.value;
  // Always from the older to the newer, whichever was chosen where.
  const swapped = since !== "" && versions.indexOf(since) < versions.indexOf(shown.value);
  const [older, newer] = swapped ? [shown.value, since] : [since, shown.value];
  let codes = 0;
  let hits = 0;
  for (const set of sets) {
    let inside = 0;
    for (const { row, mark, versions: held, text } of set.rows) {
      const is = held.has(newer);
      const wanted = since === "" ? is : is !== held.has(older);
      row.hidden = !(wanted && wish.matches(text + " " + set.head));
      row.className = since === "" ? "" : is ? "came" : "left";
      mark.textContent = since === "" ? "" : is ? "came in" : "left";
      inside += row.hidden ? 0 : 1;
    }
    set.count.textContent = counted(inside, "code");
    set.element.hidden = inside === 0;
    codes += inside;
    hits += inside === 0 ? 0 : 1;
  }
  for (const role of roles) {
    role.hidden = !role.querySelector(".set:not([hidden])");
  }
  unfold(wish.terms.length > 0 || since !== "");
  const others = listElsewhere(since === "" ? wish : { ...wish, terms: [] }, newer, codes);
  found.textContent = told(codes, hits, others, since === "" ? null : [older, newer]);
}

// What is looked for is opened; what a reader opened by hand is left as it is.
function unfold(narrowed) {
  if (narrowed || opened) {
    for (const { element } of sets) {
      element.open = narrowed;
    }
  }
  opened = narrowed;
}

function told(codes, hits, others, compared) {
  const sum = counted(codes, "code") + " in " + counted(hits, "value set");
  if (compared !== null) {
    const [older, newer] = compared;
    if (older === newer) {
      return "Nothing to compare: the same services were chosen twice.";
    }
    const span = " from " + services(older) + " to " + services(newer);
    return codes === 0 ? "Nothing of this changed" + span + "." : "Changed" + span + ": " + sum;
  }
  if (codes > 0) {
    return sum;
  }
  return others > 0 ? "Nothing found for these services." : "Nothing found, for any services.";
}

function remember() {
  const state = new URLSearchParams({ q: query.value, on: shown.value, since: before.value });
  history.replaceState(null, "", "#" + state);
}

function recall() {
  const hash = location.hash.slice(1);
  const set = sets.find(({ element }) => element.id === hash);
  if (set) {
    set.element.open = true;
    set.element.scrollIntoView();
  } else if (hash.includes("=")) {
    const state = new URLSearchParams(hash);
    query.value = state.get("q") ?? "";
    for (const [select, name] of [[shown, "on"], [before, "since"]]) {
      const value = state.get(name);
      const known = Array.from(select.options, (option) => option.value);
      select.value = known.includes(value) ? value : known[0];
    }
  }
  show();
}

controls.addEventListener("submit", (event) => event.preventDefault());
controls.addEventListener("input", () => {
  show();
  remember();
});
addEventListener("hashchange", recall);
document.getElementById("unscripted").hidden = true;
controls.hidden = false;
recall();
