// The panel "What if" without leaving the page: its forms are sent as they are, and of the page that
// comes back the panel's form takes the place of the old one. Without this script they work alike.
const said = () => document.getElementById("what-if-said");

async function ask(form, button) {
  const fields = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, { method: "POST", body: fields });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("what-if-form");
  if (fresh === null) {
    const trouble = page.querySelector(".trouble, main p");
    throw new Error(trouble === null ? "The service gave no page." : trouble.textContent);
  }
  form.replaceWith(document.adoptNode(fresh));
  // The region that is read out stays; only its words change.
  said().textContent = page.getElementById("what-if-said").textContent;
  if (answer.redirected && location.pathname === new URL(answer.url).pathname) {
    history.replaceState(null, "", answer.url);
  }
  const next = document.querySelector("#what-if-form .trouble") ?? document.getElementById("what-if-result");
  next.tabIndex = -1;
  next.focus();
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.id !== "what-if-form") return;
  event.preventDefault();
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  try {
    await ask(form, event.submitter);
  } catch (error) {
    said().textContent = error instanceof TypeError ? "The service did not answer." : error.message;
  } finally {
    form.ariaBusy = "false";
  }
});
