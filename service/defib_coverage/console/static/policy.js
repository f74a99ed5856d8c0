// Opens and closes all criteria at once; what is printed is open.
const criteria = [...document.querySelectorAll("details")];
const button = document.getElementById("open-all");
const areOpen = () => criteria.every((one) => one.open);
const name = () => {
  button.textContent = areOpen() ? "Close all" : "Open all";
};
if (button) {
  button.addEventListener("click", () => {
    const open = !areOpen();
    for (const one of criteria) one.open = open;
    name();
  });
  for (const one of criteria) one.addEventListener("toggle", name);
  name();
  button.hidden = false;
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = criteria.filter((one) => !one.open);
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });
}
