// The editor of a rule: checked and tried while one types, with completion. What is wrong and what comes out is the page's own
// HTML: the form is sent as its button "Try" sends it, and the elements marked `data-checked` of the answer take the places of
// those that are shown.

import { Completions } from "./rule-completions.js";

const DELAY = 400; // milliseconds without a key, before the rule is checked

const form = document.querySelector("form[data-rule-form]");
const completions = new Completions(document.getElementById("completions"), () =>
  [...document.getElementById("words").children].map((word) => word.textContent),
);
let timer = 0;
let asked = 0;
let last = form.elements.when;

function show(page) {
  for (const fresh of page.querySelectorAll("[data-checked]")) {
    const shown = document.getElementById(fresh.id);
    if (shown && !shown.isEqualNode(fresh)) shown.replaceChildren(...document.adoptNode(fresh).childNodes);
  }
  for (const folded of form.querySelectorAll("details:not([open])")) folded.open = Boolean(folded.querySelector(".error"));
}

async function check() {
  const number = ++asked;
  const typed = new FormData(form);
  typed.set("try", "1");
  try {
    const answer = await fetch(form.action, { method: "POST", body: typed, headers: { Accept: "text/html" } });
    const text = await answer.text();
    if (number !== asked) return;
    if (answer.redirected || !answer.ok) throw new Error(`status ${answer.status}`);
    show(new DOMParser().parseFromString(text, "text/html"));
  } catch {
    if (number === asked) document.querySelector("#trial [role=status]").textContent = "It could not be checked; saving checks it.";
  }
}

form.addEventListener("input", ({ target }) => {
  clearTimeout(timer);
  timer = setTimeout(check, DELAY);
  if (["when", "actions"].includes(target.name)) completions.offer(target);
});
form.addEventListener("focusin", ({ target }) => {
  if (["when", "actions"].includes(target.name)) last = target;
});
form.addEventListener("focusout", ({ target }) => {
  if (["when", "actions"].includes(target.name)) completions.close();
});
// While a list is open, its keys are not those of the text.
form.addEventListener("keydown", (event) => completions.press(event), true);
document.getElementById("recent-fields").addEventListener("click", ({ target }) => {
  const { path } = target.dataset;
  if (!path) return;
  last.setRangeText(path, last.selectionStart, last.selectionEnd, "end");
  last.focus();
  last.dispatchEvent(new Event("input", { bubbles: true }));
});

// --- What was typed, if it could not be saved as PostgreSQL was away ---

const kept = "logic-rule";
const typed = () => [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken");

function restore() {
  const found = JSON.parse(sessionStorage.getItem(kept) ?? "{}");
  sessionStorage.removeItem(kept);
  if (found.address !== form.action || "bound" in form.dataset) return;
  const entries = new Map(found.typed);
  if (entries.get("base") !== form.elements.base.value) return;
  for (const field of form.elements) {
    if (field.type === "checkbox") field.checked = entries.has(field.name);
    else if (field.matches("input, textarea") && entries.has(field.name)) field.value = entries.get(field.name);
  }
}

form.addEventListener("submit", () => {
  sessionStorage.setItem(kept, JSON.stringify({ address: form.action, typed: typed() }));
});
restore();
if (form.elements.actions.value) check();
