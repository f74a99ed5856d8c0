// Copying, the test call and the self-check without leaving the page. Without this script the same
// forms lead to pages of their own.
const PART = { "X-Console-Part": "1" };
const EVERY = 700;
const PATIENCE = 180_000;

function offerCopies(place) {
  if (!navigator.clipboard) return; // only where the page came safely
  for (const button of place.querySelectorAll("button[data-copy]")) {
    const words = button.innerHTML;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it by hand";
      }
      setTimeout(() => (button.innerHTML = words), 2000);
    });
  }
}

// What came of it, once, for who does not see the page.
function say(target) {
  const words = target.querySelector("h3, .trouble")?.textContent ?? "";
  document.getElementById(`${target.id}-said`).textContent = words.trim();
}

// What the server sends is escaped; a refusal comes as a whole page, of which the heading is shown.
async function put(response, target) {
  const text = await response.text();
  if (response.ok) {
    const open = [...target.querySelectorAll("details[open][id]")].map((one) => one.id);
    target.innerHTML = text;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    offerCopies(target);
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  told(target, page.querySelector("h1")?.textContent ?? `The service answered ${response.status}.`);
}

function told(target, words) {
  const line = document.createElement("p");
  line.className = "trouble";
  line.textContent = words;
  target.replaceChildren(line);
}

async function follow(target) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const run = target.querySelector("[data-run]");
    if (!run || run.dataset.over === "yes" || Date.now() > end) return Boolean(run);
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    const response = await fetch(`/connect/self-check?run=${run.dataset.run}`, { headers: PART });
    if (response.status !== 204) await put(response, target); // 204: another worker was asked
  }
}

for (const form of document.querySelectorAll("form[data-into]")) {
  const target = document.getElementById(form.dataset.into);
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    target.setAttribute("aria-busy", "true");
    try {
      const body = new URLSearchParams(new FormData(form));
      await put(await fetch(form.action, { method: "POST", headers: PART, body }), target);
      say(target);
      target.removeAttribute("aria-busy");
      if (await follow(target)) say(target);
    } catch {
      told(target, "The service did not answer.");
      say(target);
    } finally {
      target.removeAttribute("aria-busy");
      button.disabled = false;
    }
  });
}

offerCopies(document);
const running = document.getElementById("self-check-result");
if (running) follow(running).catch(() => told(running, "The service did not answer."));
