// The order of rules: drag one by its place, or press Alt with an arrow key inside its row. Without it the buttons do the same.

let dragged = null;

const rowOf = (target) => target.closest?.("tr[data-rule]");

/** Let the places be dragged, for those who may move rules; the live page makes new ones. */
function makeDraggable() {
  if (!document.querySelector("[data-drop]")) return;
  for (const place of document.querySelectorAll(".rules .place")) place.draggable = true;
}

function unmark() {
  for (const row of document.querySelectorAll("tr.over")) row.classList.remove("over", "below");
}

document.addEventListener("dragstart", (event) => {
  if (!event.target.matches?.(".rules .place")) return;
  dragged = rowOf(event.target).dataset;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.rule);
});
document.addEventListener("dragover", (event) => {
  const row = rowOf(event.target);
  if (!dragged || !row) return;
  event.preventDefault();
  unmark();
  row.classList.add("over");
  row.classList.toggle("below", Number(row.dataset.place) > Number(dragged.place));
});
document.addEventListener("drop", (event) => {
  const row = rowOf(event.target);
  if (!dragged || !row) return;
  event.preventDefault();
  const form = document.querySelector("[data-drop]");
  form.elements.name.value = dragged.rule;
  form.elements.place.value = row.dataset.place;
  if (row.dataset.place !== dragged.place) form.submit();
});
document.addEventListener("dragend", () => {
  dragged = null;
  unmark();
});
document.addEventListener("keydown", (event) => {
  const step = { ArrowUp: "up", ArrowDown: "down" }[event.key];
  const button = event.altKey && step && rowOf(event.target)?.querySelector(`[data-step="${step}"]:not(:disabled)`);
  if (!button) return;
  event.preventDefault();
  button.click();
});
document.addEventListener("parts", makeDraggable);
makeDraggable();
