// Completes the filter as it is typed: sources, fields with their values, and tags, which the server knows from recent events.

import { make } from "./panels.js";

const WAIT_MS = 150;
const SHOWN = 10;
const PREFIXES = ["source:", "tag:", "has:"];

/** Return the term at the end of the text before the cursor, without a minus. */
function termBefore(input) {
  const text = input.value.slice(0, input.selectionStart);
  // A space between quotes is part of a term.
  const match = /(?:^|\s)(-?)((?:[^\s"]|"(?:[^"\\]|\\.)*"?)*)$/.exec(text);
  const term = match ? match[2] : "";
  return { term, start: text.length - term.length };
}

function quoted(value) {
  return /^[^\s",=<>~!-][^\s",]*$/.test(value) && !/^(true|false|null|-?\d.*)$/.test(value) ? value : JSON.stringify(value);
}

function choices(term, known) {
  const has = (text, part) => text.toLowerCase().includes(part.toLowerCase());
  if (term.startsWith("source:")) {
    const part = term.slice(7).split(",").at(-1);
    const before = term.slice(0, term.length - part.length);
    return known.sources.filter((id) => has(id, part.replace("*", ""))).map((id) => ({ text: before + id, note: "source" }));
  }
  if (term.startsWith("tag:")) {
    return known.tags.filter((tag) => has(tag, term.slice(4))).map((tag) => ({ text: `tag:${quoted(tag)}`, note: "tag" }));
  }
  const comparison = /^([^=<>~!]+)(!?=|[<>]=?|~)(.*)$/.exec(term);
  if (comparison) {
    const [, path, sign, part] = comparison;
    const values = known.fields.find((field) => field.path === path)?.values ?? [];
    const written = (value) => (["true", "false"].includes(value) ? value : quoted(value));
    return values.filter((value) => has(value, part.replaceAll('"', ""))).map((value) => ({ text: path + sign + written(value), note: "value" }));
  }
  const bare = term.startsWith("has:") ? term.slice(4) : term;
  const fields = known.fields
    .filter(({ path }) => has(path, bare))
    .map(({ path, type }) => ({ text: term.startsWith("has:") ? `has:${path}` : `${path}${type === "number" ? ">" : "="}`, note: type, open: !term.startsWith("has:") }));
  const prefixes = PREFIXES.filter((prefix) => prefix.startsWith(term)).map((text) => ({ text, note: "", open: true }));
  return [...prefixes, ...fields];
}

/** Complete the filter of a form. @param {?HTMLFormElement} form */
export function completeFilter(form) {
  const input = form?.querySelector('input[name="filter"]');
  const list = form?.querySelector("#filter-options");
  if (!input || !list) return;
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Completions");
  let known = null;
  let asked = null;
  let timer = 0;
  let current = -1;

  const close = () => {
    list.hidden = true;
    current = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const ask = async () => {
    const { term, start } = termBefore(input);
    const query = new URLSearchParams();
    const rest = `${input.value.slice(0, start)}${input.value.slice(start + term.length)}`.trim();
    if (rest) query.set("filter", rest);
    const part = term.startsWith("source:") ? term.slice(7).split(",").at(-1).replace("*", "") : "";
    if (part) query.set("source", part);
    if (`${query}` === asked) return;
    const answer = await fetch(`${form.dataset.known}?${query}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    known = await answer.json();
    asked = `${query}`;
  };

  const choose = (choice) => {
    const { term, start } = termBefore(input);
    const text = choice.open ? choice.text : `${choice.text} `;
    input.setRangeText(text, start, start + term.length, "end");
    close();
    if (choice.open) later();
  };

  const show = () => {
    const { term } = termBefore(input);
    const found = known && document.activeElement === input ? choices(term, known).filter(({ text }) => text !== term).slice(0, SHOWN) : [];
    list.replaceChildren(
      ...found.map((choice, index) => {
        const option = make("li", "", choice.text);
        option.id = `filter-option-${index}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        if (choice.note) option.append(" ", make("small", "note", choice.note));
        // Before the field loses the focus.
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          choose(choice);
        });
        option.choice = choice;
        return option;
      }),
    );
    current = -1;
    input.removeAttribute("aria-activedescendant");
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await ask().catch(() => {});
      show();
    }, WAIT_MS);
  };

  const move = (by) => {
    const options = [...list.children];
    options[current]?.setAttribute("aria-selected", "false");
    current = (current + by + options.length + 1) % (options.length + 1);
    if (current === options.length) current = -1;
    if (current < 0) input.removeAttribute("aria-activedescendant");
    else {
      options[current].setAttribute("aria-selected", "true");
      input.setAttribute("aria-activedescendant", options[current].id);
      options[current].scrollIntoView({ block: "nearest" });
    }
  };

  input.addEventListener("input", later);
  input.addEventListener("focus", later);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (event.key === "ArrowUp" && current < 0) current = list.children.length;
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if ((event.key === "Enter" || event.key === "Tab") && current >= 0) {
      event.preventDefault();
      choose(list.children[current].choice);
    } else if (event.key === "Escape") {
      event.preventDefault();
      close();
    }
  });
}
