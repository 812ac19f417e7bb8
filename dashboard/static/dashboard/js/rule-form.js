// The form of a rule: what is wrong with it is shown while one types, and a click on a field puts it where one types.

const DELAY = 400; // milliseconds without a key, before the rule is checked

const form = document.querySelector("form[data-check]");
const status = form.querySelector("[data-checked]");
const fields = document.querySelector("[data-fields]");
let timer = 0;
let asked = 0;
let last = form.elements.when;

function list(texts) {
  const found = document.createElement("ul");
  found.className = "errorlist";
  for (const text of texts) {
    const item = document.createElement("li");
    item.textContent = text;
    found.append(item);
  }
  return found;
}

function showErrors(errors) {
  for (const place of form.querySelectorAll("[data-errors-of]")) {
    const texts = errors[place.dataset.errorsOf] ?? [];
    place.replaceChildren(...(texts.length ? [list(texts)] : []));
    place.parentElement.classList.toggle("errors", texts.length > 0);
  }
  const others = errors.__all__ ?? [];
  const wrong = Object.keys(errors).length > 0;
  status.replaceChildren(others.length ? list(others) : wrong ? "It can't be saved yet." : "Nothing is wrong with it.");
}

function showFields(found) {
  fields.replaceChildren(
    ...found.map(({ path, value }) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const shown = document.createElement("small");
      button.type = "button";
      button.dataset.path = path;
      button.textContent = path;
      shown.textContent = value;
      item.append(button, " ", shown);
      return item;
    }),
  );
}

async function check() {
  const number = ++asked;
  try {
    const answer = await fetch(form.dataset.check, { method: "POST", body: new FormData(form) });
    if (!answer.ok || number !== asked) return;
    const { errors, fields: found } = await answer.json();
    showErrors(errors);
    showFields(found);
  } catch {
    status.textContent = "It could not be checked; saving checks it.";
  }
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(check, DELAY);
});
form.addEventListener("focusin", ({ target }) => {
  if (["when", "actions"].includes(target.name)) last = target;
});
fields.addEventListener("click", ({ target }) => {
  const { path } = target.dataset;
  if (!path) return;
  last.setRangeText(path, last.selectionStart, last.selectionEnd, "end");
  last.focus();
  last.dispatchEvent(new Event("input", { bubbles: true }));
});
