// The form of a mend: shows the inputs that a step takes, and adds a step without loading the page.

const form = document.querySelector("form[data-steps]");
const USES = {
  set: ["field", "with"],
  rename: ["field", "with"],
  parse_date: ["field", "with", "zone"],
  cast: ["field", "with"],
  remove: ["field"],
};
const HINTS = { set: "value", rename: "new name", parse_date: "dd/mm/yyyy HH:MM", cast: "number, integer, text or boolean" };

function fit(step) {
  const chosen = step.querySelector("select").value;
  for (const name of ["field", "with", "zone"]) {
    // Hidden ones are sent, so that the columns of all steps have the same length.
    step.querySelector(`[name=${name}]`).hidden = !(USES[chosen] ?? []).includes(name);
  }
  step.querySelector("[name=with]").placeholder = HINTS[chosen] ?? "";
  step.querySelector("[name=field]").placeholder = chosen === "parse_date" ? "timestamp" : "field";
}

/** Add an empty step behind the last one, once that does something. */
function grow(step) {
  if (step.nextElementSibling?.matches(".step") || !step.querySelector("select").value) return;
  const next = step.cloneNode(true);
  const number = form.querySelectorAll(".step").length + 1;
  for (const input of next.querySelectorAll("select, input")) {
    input.value = "";
    input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+/, number));
  }
  step.after(next);
  fit(next);
}

for (const step of form?.querySelectorAll(".step") ?? []) {
  fit(step);
  // The person may have been faster than this script.
  grow(step);
}
form?.addEventListener("change", ({ target }) => {
  if (target.name !== "do") return;
  const step = target.closest(".step");
  fit(step);
  grow(step);
});
