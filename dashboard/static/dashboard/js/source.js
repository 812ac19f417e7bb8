// The page of one source: its charts, its newest events, and the turn from "nothing yet" to the source itself.

import { feed } from "./frame.js";
import { make } from "./panels.js";
import { Charts, moment, timeOfDay } from "./source-charts.js";

const ROWS = 20;

const page = document.querySelector("[data-source-page]");
const { sourceId } = page.dataset;
const known = document.getElementById("source-state")?.dataset.known;

// The parts of a page that knows more are others.
document.addEventListener("parts", () => {
  if (document.getElementById("source-state")?.dataset.known !== known) location.reload();
});

function addEvents({ columns }) {
  const body = document.querySelector("#source-events tbody");
  if (!body) return;
  const shown = new Set([...body.rows].map((row) => row.dataset.event));
  columns.eventId.slice(-ROWS).forEach((id, i, { length }) => {
    const place = columns.eventId.length - length + i;
    if (!shown.has(id)) body.prepend(eventRow(id, columns, place));
  });
  while (body.rows.length > ROWS) body.rows[ROWS].remove();
}

function eventRow(id, columns, i) {
  const row = make("tr", "fresh");
  row.dataset.event = id;
  const link = make("a", "", moment(Date.parse(columns.timestamp[i])));
  link.href = `/events/${encodeURIComponent(sourceId)}/${id}/`;
  const time = make("td", "when");
  time.append(link);
  const payload = make("td", "payload", columns.preview[i]);
  payload.title = columns.preview[i];
  row.append(time, make("td", "when", timeOfDay(Date.parse(columns.storedAt[i]))), payload);
  return row;
}

async function start(root) {
  const charts = new Charts(root, feed);
  let interval = null;
  feed.addEventListener("frame", ({ detail: { id, body } }) => {
    if (id !== "series") return;
    charts.take(body.buckets, interval);
    body.columns.field.forEach((name, i) => charts.latest(name, body.columns.value[i]));
  });
  await charts.load();
  interval = charts.interval;
  feed.subscribe("series", { channel: "series", sourceId, interval });
}

const root = page.querySelector("[data-charts]");
if (root?.querySelector("[data-fields]")) start(root);
if (known === "fields" || known === "read") {
  feed.addEventListener("frame", ({ detail: { id, body } }) => id === "tail" && addEvents(body));
  feed.subscribe("tail", { channel: "tail", sourceId });
}
