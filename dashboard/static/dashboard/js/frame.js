// The frame of every page: the live feed, the status line, the keys, ages that stay current, and parts that are loaded again.

import { Feed } from "./feed.js";
import { age, count } from "./format.js";
import { announce, followLamp, make, setText } from "./panels.js";

/** The live feed of the page. Modules of pages add their listeners and subscriptions before the page is loaded. */
export const feed = new Feed();

const AGES_MS = 1000;
const GAP_MS = 60000; // how long a page says that a tail has missed events
const PARTS_MS = 10000; // for the server to answer
const content = document.getElementById("content");

// --- The status line ---

let statusWord = document.querySelector("[data-status-word]")?.textContent;

function showStatus(line) {
  const place = document.getElementById("status-line");
  if (!line || !place) return;
  if (statusWord !== line.word) announce("status", `${line.word}: ${line.text}`);
  statusWord = line.word;
  place.dataset.tone = line.tone;
  setText(place.querySelector("[data-status-word]"), line.word);
  setText(place.querySelector("[data-status-text]"), line.text);
}

feed.addEventListener("snapshot", ({ detail: { id, data } }) => id === "status" && showStatus(data?.status));
feed.addEventListener("frame", ({ detail: { id, body } }) => id === "status" && showStatus(body.status));
feed.subscribe("status", { channel: "status" });

// --- What a tail has missed while there was no connection ---

function showGap({ id, atLeast, exact, shown }) {
  const panel = document.querySelector(`[data-panel="${CSS.escape(id)}"]`);
  if (!panel || (exact && atLeast <= shown)) return;
  const note = panel.querySelector(".gap") ?? make("p", "gap note");
  note.setAttribute("role", "status");
  panel.querySelector(".scroll, table")?.before(note);
  const events = atLeast === null ? "an unknown number of" : `${exact ? "" : "more than "}${count(atLeast)}`;
  setText(note, `While there was no connection, ${events} events were stored; the newest are shown.`);
  setTimeout(() => note.remove(), GAP_MS);
}

feed.addEventListener("gap", ({ detail }) => showGap(detail));

// --- Parts: elements with an id and `data-part`, which the same address renders again ---

function isBusy(part) {
  const selection = getSelection();
  return (
    (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) ||
    part.querySelector("dialog[open], details[open]") ||
    (!selection.isCollapsed && part.contains(selection.anchorNode))
  );
}

/** Put the focus where it was: on the element with the same id, address or text. */
function refocus(part, focused) {
  if (!focused) return;
  const same = [...part.querySelectorAll(focused.tagName)].find(
    (other) => (other.id || other.getAttribute("href") || other.textContent) === focused.key,
  );
  same?.focus({ preventScroll: true });
}

function swap(part, fresh) {
  if (part.isEqualNode(fresh) || isBusy(part)) return;
  const active = part.contains(document.activeElement) ? document.activeElement : null;
  const focused = active && {
    tagName: active.tagName,
    key: active.id || active.getAttribute("href") || active.textContent,
  };
  part.replaceWith(fresh);
  refocus(fresh, focused);
}

/** Load the page again, and swap what changed of its parts. Dispatches "parts" on the document. */
export async function refreshParts() {
  const answer = await fetch(content.dataset.address || location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(PARTS_MS) });
  if (!answer.ok || answer.redirected) throw new Error(`status ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const fresh of page.querySelectorAll("[data-part]")) {
    const part = document.getElementById(fresh.id);
    if (part) swap(part, document.adoptNode(fresh));
  }
  document.dispatchEvent(new CustomEvent("parts"));
}

let denied = false; // the sign-in ended: only loading the page again asks for it
feed.addEventListener("connection", ({ detail: { state } }) => (denied = state === "denied"));

function keepPartsFresh(seconds) {
  let failed = 0;
  const later = () => setTimeout(again, seconds * 1000 * Math.min(2 ** failed, 8) * (0.9 + Math.random() / 5));
  const again = async () => {
    if (denied) return;
    if (!document.hidden) {
      try {
        await refreshParts();
        failed = 0;
      } catch {
        failed += 1;
      }
      content.classList.toggle("old", failed > 1);
    }
    later();
  };
  document.addEventListener("visibilitychange", () => document.hidden || failed || refreshParts().catch(() => {}));
  later();
}

// --- Keys ---

const keys = document.getElementById("keys");
const isTyping = ({ target }) => target.matches("input, select, textarea, [contenteditable]");
let leader = -Infinity; // when `g` was pressed

function goTo(key) {
  document.querySelector(`.pages-nav a[data-key="${CSS.escape(key)}"]`)?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || document.querySelector("dialog[open]")) return;
  const follows = performance.now() - leader < 1500;
  leader = -Infinity;
  if (follows && event.key.length === 1) goTo(event.key);
  else if (event.key === "g") leader = performance.now();
  else if (event.key === "?") keys?.showModal();
  else if (event.key === "/" && document.querySelector("[data-search]")) {
    event.preventDefault();
    document.querySelector("[data-search]").focus();
  }
});

// --- The menu ---

const menu = document.querySelector("details.menu");
document.addEventListener("click", ({ target }) => menu?.open && !menu.contains(target) && (menu.open = false));
// Open, it would cover what has the focus next.
menu?.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && !menu.contains(relatedTarget) && (menu.open = false));
menu?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
const local = menu?.querySelector("[data-local-zone]");
if (local) {
  local.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
  local.setAttribute("aria-pressed", String(local.value === document.documentElement.dataset.zone));
  local.hidden = local.value === "UTC";
}
const showKeys = menu?.querySelector("[data-show-keys]");
if (showKeys) {
  showKeys.hidden = false;
  showKeys.addEventListener("click", () => keys.showModal());
}

// --- Start ---

setInterval(() => {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-at]")) setText(time, age(Number(time.dataset.at), feed.now()));
}, AGES_MS);
if (content?.dataset.refresh) keepPartsFresh(Number(content.dataset.refresh));
const lamp = document.querySelector(".connection");
if (lamp) {
  followLamp(feed, lamp);
  // After every module of the page has added its listeners.
  document.addEventListener("DOMContentLoaded", () => feed.start());
}
