// The panel "What if" of /try: its buttons are sent with the form of the page, without leaving it.
// Without this script they send the form themselves, and the answer comes as a page.
import { additions, ask } from "./try.js";

const form = document.getElementById("trial");
const answer = document.getElementById("answer");
let pressed = null;

additions.push((data) => {
  if (pressed === null) return;
  data.set(pressed.name, pressed.value);
});

answer.addEventListener("click", async (event) => {
  const button = event.target.closest('#what-if button[form="trial"]');
  if (button === null) return;
  event.preventDefault();
  pressed = { name: button.name, value: button.value };
  await ask();
  // Where no answer came, the next question is another one.
  if (!answer.hasAttribute("aria-busy")) pressed = null;
});

// Enter in a field presses the button of its own control.
answer.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches(".control input")) return;
  event.preventDefault();
  event.target.closest(".control").querySelector("button").click();
});

answer.addEventListener("answered", () => {
  if (pressed === null) return;
  pressed = null;
  const panel = document.getElementById("what-if");
  if (panel === null) return;
  const trouble = document.getElementById("what-if-trouble");
  // The day of the form is where the changes put it.
  if (trouble === null) form.elements.date.value = panel.dataset.date;
  const next = trouble ?? document.getElementById("what-if-title");
  next.focus();
  document.getElementById("said").textContent =
    trouble?.textContent ?? (panel.dataset.said || "Everything is undone.");
});
