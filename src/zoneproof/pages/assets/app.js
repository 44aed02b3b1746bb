// What cannot be done without a script, on pages that work without one.

// Copy buttons are there only where copying works.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  event.preventDefault();
  await navigator.clipboard.writeText(button.dataset.copy);
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1500);
});

function prepare(root) {
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) {
    button.hidden = !navigator.clipboard;
  }
  for (const all of root.querySelectorAll("input[data-tick-all][hidden]")) all.hidden = false;
  // A log shows its end, unless somebody has scrolled up to read.
  for (const log of root.querySelectorAll(".log:not([data-read])")) log.scrollTop = log.scrollHeight;
}

document.addEventListener("scroll", ({ target: log }) => {
  if (!log.matches?.(".log")) return;
  log.toggleAttribute("data-read", log.scrollTop + log.clientHeight < log.scrollHeight - 8);
}, true);

// The box in a table's head ticks all below it.
document.addEventListener("change", (event) => {
  const all = event.target.closest("input[data-tick-all]");
  if (!all) return;
  for (const box of all.closest("table").querySelectorAll("tbody input[type=checkbox]")) {
    box.checked = all.checked;
  }
});

// A page that shows what happens says so while it cannot: "lost", "signed-out", or nothing.
function tell(why) {
  for (const note of document.querySelectorAll("[data-while]")) note.hidden = note.dataset.while !== why;
}

// An answer that is not for this page, as a proxy gives whose server is gone. Ours say what of them
// is to be shown.
function isAlien({ response, hx }) {
  return response?.status >= 500 && !hx?.reselect;
}

document.addEventListener("htmx:before:swap", (event) => {
  if (isAlien(event.detail.ctx)) event.preventDefault();
});
document.addEventListener("htmx:after:request", ({ detail }) => tell(isAlien(detail.ctx) && "lost"));
document.addEventListener("htmx:error", ({ detail }) => { if (!detail.ctx?.response) tell("lost"); });
document.addEventListener("htmx:sse:after:connection", () => tell());
document.addEventListener("htmx:sse:error", ({ detail }) => {
  tell(detail.status === 401 ? "signed-out" : "lost");
});

// What is renewed all the time stays as it is while somebody is in it with the keyboard.
document.addEventListener("htmx:before:request", (event) => {
  const { target } = event;
  const isPolling = target.matches?.("[hx-trigger^=every]");
  if (isPolling && target.contains(document.activeElement)) event.preventDefault();
});

// Events are connected again by the extension, but only once they have been.
for (const failed of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(failed, ({ target }) => {
    if (target.matches?.("[hx-sse\\:connect]")) setTimeout(() => htmx.trigger(target, "again"), 2000);
  });
}

document.addEventListener("htmx:after:swap", () => prepare(document));
prepare(document);
