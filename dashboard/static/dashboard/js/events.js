// The page of events: the live tail, events opened in place, the histogram to drag on, and what can be copied.

import { completeFilter } from "./events-filter.js";
import { feed } from "./frame.js";
import { Tail } from "./live-tail.js";
import { followConnection, make, setState } from "./panels.js";

const LIVE_ROWS = 100;

completeFilter(document.querySelector("form.filter"));

// --- The live tail ---

const panel = document.querySelector("[data-live]");
const tail = panel && new Tail(panel, { rows: LIVE_ROWS });
if (panel) {
  const chosen = panel.dataset.columns ? panel.dataset.columns.split(",") : [];
  feed.addEventListener("snapshot", ({ detail: { id, data } }) => {
    if (id !== "tail") return;
    if (data) tail.show(data, { fresh: false });
    setState(panel, data ? (tail.empty ? "never" : null) : "unknown");
  });
  feed.addEventListener("frame", ({ detail: { id, body } }) => id === "tail" && tail.show(body, { fresh: true }));
  followConnection(feed, [panel], () => (tail.empty ? "never" : null));
  setInterval(() => document.hidden || tail.tell(), 1000);
  feed.subscribe("tail", { channel: "tail", filter: panel.dataset.filter, fields: chosen });
}

// --- An event opened in place ---

async function open(link, row) {
  const opened = make("tr", "opened");
  const cell = make("td");
  cell.colSpan = row.cells.length;
  opened.append(cell);
  cell.append(make("p", "state", "Loading."));
  row.after(opened);
  link.setAttribute("aria-expanded", "true");
  // Or the event would be pushed down by those that come.
  tail?.pause();
  try {
    const answer = await fetch(link.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const body = page.querySelector("[data-event-body]");
    if (!body) throw new Error(`status ${answer.status}`);
    const whole = make("a", "", "The page of this event");
    whole.href = link.href;
    cell.replaceChildren(document.adoptNode(body), whole);
  } catch {
    cell.replaceChildren(make("p", "state", "It can’t be read at the moment. "));
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-open]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const row = link.closest("tr");
  if (row.nextElementSibling?.classList.contains("opened")) {
    row.nextElementSibling.remove();
    link.setAttribute("aria-expanded", "false");
  } else open(link, row);
});

// --- The histogram: drag over it to choose a range ---

const histogram = document.querySelector(".histogram svg");
if (histogram) {
  document.querySelector("[data-drag]").hidden = false;
  const chosen = histogram.querySelector("[data-chosen]");
  const [start, end] = [Number(histogram.dataset.start), Number(histogram.dataset.end)];
  const width = histogram.viewBox.baseVal.width;
  let from = null; // share of the width
  const share = ({ clientX }) => {
    const box = histogram.getBoundingClientRect();
    return Math.min(1, Math.max(0, (clientX - box.left) / box.width));
  };
  histogram.addEventListener("pointerdown", (event) => {
    from = share(event);
    histogram.setPointerCapture(event.pointerId);
  });
  histogram.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const to = share(event);
    chosen.setAttribute("x", Math.min(from, to) * width);
    chosen.setAttribute("width", Math.abs(to - from) * width);
  });
  histogram.addEventListener("pointercancel", () => (from = null));
  histogram.addEventListener("pointerup", (event) => {
    const [low, high] = [Math.min(from, share(event)), Math.max(from, share(event))];
    from = null;
    const at = (place) => new Date(Math.round(start + place * (end - start))).toISOString();
    if ((high - low) * histogram.clientWidth < 4) {
      chosen.setAttribute("width", 0);
      return;
    }
    const address = new URL(location.href);
    address.searchParams.delete("cursor");
    address.searchParams.set("start", at(low));
    address.searchParams.set("end", at(high));
    location.assign(address);
  });
}

// --- Copies ---

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 1500);
}

if (navigator.clipboard) {
  for (const link of document.querySelectorAll("[data-copy]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      copy(link, link.dataset.copy);
    });
  }
  for (const text of document.querySelectorAll("details.help > pre")) {
    const button = make("button", "", "Copy");
    button.type = "button";
    button.addEventListener("click", () => copy(button, text.textContent));
    text.before(button);
  }
}
