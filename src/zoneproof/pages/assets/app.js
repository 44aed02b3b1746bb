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
  for (const log of root.querySelectorAll(".log")) log.scrollTop = log.scrollHeight;
}

// The box in a table's head ticks all below it.
document.addEventListener("change", (event) => {
  const all = event.target.closest("input[data-tick-all]");
  if (!all) return;
  for (const box of all.closest("table").querySelectorAll("tbody input[type=checkbox]")) {
    box.checked = all.checked;
  }
});

// A page that shows events says so while none can come.
for (const [event, lost] of [["htmx:sse:error", true], ["htmx:sse:after:connection", false]]) {
  document.addEventListener(event, () => {
    for (const note of document.querySelectorAll("[data-while-lost]")) note.hidden = !lost;
  });
}

document.addEventListener("htmx:after:swap", () => prepare(document));
prepare(document);
