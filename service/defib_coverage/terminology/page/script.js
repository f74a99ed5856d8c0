// Shows and hides rows that the page holds already; makes no markup.
"use strict";
const controls = document.getElementById("controls");
const query = document.getElementById("query");
const shown = document.getElementById("shown");
const before = document.getElementById("before");
const found = document.getElementById("found");
// Letters and digits are what is compared: i4720 finds I47.20.
const bare = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}\s]/gu, "");
const sets = Array.from(document.querySelectorAll(".set"), (element) => ({
  element,
  head: bare(element.id + " " + element.querySelector("h3").textContent),
  count: element.querySelector(".count"),
  rows: Array.from(element.querySelectorAll("tbody tr"), (row) => ({
    row,
    mark: row.querySelector(".mark"),
    versions: new Set(row.dataset.in.split(" ")),
    text: bare(row.textContent),
  })),
}));
const roles = Array.from(document.querySelectorAll(".role"));
let opened = false;

function counted(number, one) {
  return number + " " + one + (number === 1 ? "" : "s");
}

function show() {
  const terms = bare(query.value).split(/\s+/).filter(Boolean);
  const on = shown.value;
  const since = before.value;
  let codes = 0;
  let hits = 0;
  for (const set of sets) {
    let inside = 0;
    for (const { row, mark, versions, text } of set.rows) {
      const is = versions.has(on);
      const was = since !== "" && versions.has(since);
      const wanted = since === "" ? is : is !== was;
      const matches = terms.every((term) => text.includes(term) || set.head.includes(term));
      row.hidden = !(wanted && matches);
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
  // What is looked for is opened; what a reader opened by hand is left as it is.
  const narrowed = terms.length > 0 || since !== "";
  if (narrowed || opened) {
    for (const { element } of sets) {
      element.open = narrowed;
    }
  }
  opened = narrowed;
  const what = since === "" ? "" : codes === 0 ? "Nothing changed: " : "Changed: ";
  found.textContent = what + counted(codes, "code") + " in " + counted(hits, "value set");
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
controls.hidden = false;
recall();
