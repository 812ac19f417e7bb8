// The lists of the admin: the box that ticks all rows of a page, and how many are ticked. Cancelling leads back.

const all = document.querySelector("#action-toggle");
const boxes = [...document.querySelectorAll("#result_list .action-select")];
const counters = document.querySelectorAll(".action-counter");

function tell() {
  const ticked = boxes.filter((box) => box.checked).length;
  for (const box of boxes) box.closest("tr").classList.toggle("selected", box.checked);
  for (const counter of counters) counter.textContent = `${ticked} of ${boxes.length} selected`;
  if (all) {
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
}

if (all && boxes.length) {
  all.hidden = false;
  all.closest("span").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  for (const box of boxes) box.addEventListener("change", tell);
  tell();
}

for (const link of document.querySelectorAll(".cancel-link"))
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.back();
  });
