// The page of one source: updates a chart per numeric field, and its newest events.

/** @typedef {import("./feed.js").BucketColumns} BucketColumns */

import { seriesChart } from "./chart.js";
import { age, count, measure } from "./format.js";
import { feed } from "./frame.js";
import { Tail } from "./live-tail.js";
import { followConnection, setState, setText } from "./panels.js";

const REREAD_MS = 60000; // late events may have changed aggregates that no frame contains

const page = document.querySelector("[data-source-page]");
const { sourceId, interval } = page.dataset;
const grid = page.querySelector(".series");
const tail = new Tail(page.querySelector('[data-panel="tail"]'));
const panels = [...page.querySelectorAll("[data-panel]")];
const fields = new Map(); // name -> {card, buckets: Map(start -> [mean, low, high]), chart, visible}
let oldest = -Infinity; // epoch seconds; the chart begins here

const looker = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const field = fields.get(target.dataset.field);
    field.visible = isIntersecting;
    if (isIntersecting) draw(field);
  }
});

function adopt(card) {
  const field = { card, buckets: new Map(), chart: null, visible: false, at: -Infinity };
  fields.set(card.dataset.field, field);
  looker.observe(card);
  return field;
}

function fieldOf(name) {
  if (fields.has(name)) return fields.get(name);
  const card = document.getElementById("field-card").content.firstElementChild.cloneNode(true);
  card.dataset.field = name;
  card.querySelector("h2").textContent = name;
  const after = [...grid.children].find((other) => other.dataset.field > name);
  grid.insertBefore(card, after ?? null);
  return adopt(card);
}

/** @param {BucketColumns} columns */
function takeBuckets(columns) {
  const moved = new Set();
  columns.field.forEach((name, i) => {
    const field = fieldOf(name);
    field.buckets.set(Date.parse(columns.start[i]) / 1000, [columns.avg[i], columns.min[i], columns.max[i]]);
    moved.add(field);
  });
  for (const field of moved) if (field.visible) draw(field);
}

function showLatest(field, at, value) {
  if (at < field.at) return;
  field.at = at;
  setText(field.card.querySelector(".latest"), measure(value));
}

function draw(field) {
  const starts = [...field.buckets.keys()].filter((start) => start >= oldest).sort((a, b) => a - b);
  if (!starts.length) return;
  const rows = starts.map((start) => field.buckets.get(start));
  const element = field.card.querySelector(".chart");
  field.chart ??= seriesChart(element, interval);
  field.chart.setData([starts, rows.map((row) => row[0]), rows.map((row) => row[1]), rows.map((row) => row[2])]);
  const lowest = Math.min(...rows.map((row) => row[1]));
  const highest = Math.max(...rows.map((row) => row[2]));
  const [low, high] = field.card.querySelectorAll(".extent span");
  setText(low, `lowest ${measure(lowest)}`);
  setText(high, `highest ${measure(highest)}`);
  element.setAttribute("aria-label", `${field.card.dataset.field}: lowest ${measure(lowest)}, highest ${measure(highest)}`);
}

function showSource({ lastSeen, events }) {
  const time = page.querySelector("time[data-at]");
  time.dataset.at = lastSeen;
  setText(time, age(lastSeen, feed.now()));
  setText(page.querySelector("[data-events]"), count(events));
}

function fieldsState() {
  return fields.size ? null : "never";
}

feed.addEventListener("snapshot", ({ detail: { id, data } }) => {
  if (id === "tail") {
    if (data) tail.show(data, { fresh: false });
    return;
  }
  if (id !== "series") return;
  if (!data) return setState(page.querySelector('[data-panel="fields"]'), "unknown");
  oldest = Date.parse(data.start) / 1000;
  for (const field of fields.values()) field.buckets.clear();
  if (data.source) showSource(data.source);
  takeBuckets(data.buckets);
  data.latest.field.forEach((name, i) => showLatest(fieldOf(name), data.latest.at[i], data.latest.value[i]));
  setState(page.querySelector('[data-panel="fields"]'), fieldsState());
  return undefined;
});

feed.addEventListener("frame", ({ detail: { id, body, now } }) => {
  if (id === "tail") return tail.show(body, { fresh: true });
  if (id !== "series") return undefined;
  takeBuckets(body.buckets);
  body.columns.field.forEach((name, i) => showLatest(fieldOf(name), body.columns.at[i], body.columns.value[i]));
  if (body.sums.stored) {
    const time = page.querySelector("time[data-at]");
    time.dataset.at = now;
    setText(time, age(now, feed.now()));
  }
  return undefined;
});

followConnection(feed, panels, (panel) => {
  if (panel.dataset.panel === "tail") return tail.empty ? "never" : null;
  return panel.dataset.panel === "fields" ? fieldsState() : null;
});

for (const card of grid.querySelectorAll("[data-field]")) adopt(card);
setInterval(() => document.hidden || feed.refresh("series"), REREAD_MS);

feed.subscribe("series", { channel: "series", sourceId, interval });
feed.subscribe("tail", { channel: "tail", sourceId });
