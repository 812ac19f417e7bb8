// Checks the edited event while one types, as the server's own dry run would, and makes the button strong that would work.

const form = document.querySelector("form[data-check]");
const text = form?.elements.event;
const shown = document.getElementById("checked");
const WAIT_MS = 350;

function line(kind, content) {
  const made = document.createElement("span");
  if (kind) made.className = kind;
  made.textContent = content;
  return made;
}

function diff(lines) {
  const kinds = { "+": "added", "-": "removed" };
  const made = document.createElement("pre");
  made.className = "diff";
  made.tabIndex = 0;
  made.setAttribute("role", "region");
  made.setAttribute("aria-label", "What the edit changes");
  const changed = lines.filter((each) => !/^(---|\+\+\+|@@)/.test(each));
  made.append(...changed.map((each) => line(kinds[each[0]], each)));
  return made;
}

function notice({ works, text: said, pointer }) {
  const made = document.createElement("p");
  made.className = "notice";
  made.dataset.tone = works ? "good" : "bad";
  const word = document.createElement("strong");
  word.textContent = works ? "Works." : "Not yet.";
  made.append(word, ` ${said}${pointer ? ` At ${pointer}.` : ""}`);
  return made;
}

function show(checked) {
  shown.replaceChildren(notice(checked), ...(checked.diff.length ? [diff(checked.diff)] : []));
  form.querySelector("[data-send]").classList.toggle("main", checked.works);
  form.querySelector("[data-try]").classList.toggle("main", !checked.works);
}

let timer = 0;
let asked = 0;

async function check() {
  const mine = (asked += 1);
  const answer = await fetch(form.dataset.check, { method: "POST", body: new FormData(form) }).catch(() => null);
  // The person may have typed on; without an answer the button still tries it.
  if (mine === asked && answer?.ok) show(await answer.json());
}

text?.addEventListener("input", () => {
  clearTimeout(timer);
  form.querySelector("[data-send]").classList.remove("main");
  timer = setTimeout(check, WAIT_MS);
});
