// The overview: updates numbers, rate, sources, servers and newest events.

/** @typedef {import("./feed.js").Sample} Sample */
/** @typedef {import("./feed.js").OverviewBody} OverviewBody */

import { rateChart } from "./chart.js";
import { UNKNOWN, age, count, duration, measure, rate } from "./format.js";
import { feed } from "./frame.js";
import { Tail } from "./live-tail.js";
import { followConnection, make, setState, setText } from "./panels.js";

const RATE_MS = 2000; // the shown rate is the mean over this time
const VALUES = 4; // of one source

const panels = Object.fromEntries([...document.querySelectorAll("[data-panel]")].map((p) => [p.dataset.panel, p]));
const bound = new Map();
for (const element of document.querySelectorAll("[data-bind]")) {
  bound.set(element.dataset.bind, [...(bound.get(element.dataset.bind) ?? []), element]);
}
const tail = new Tail(panels.tail, { rows: Number(panels.tail.dataset.rows) });
const recent = []; // {at, interval, stored} of the last frames
let points = [[], [], []]; // the chart's: epoch seconds, read, stored
let chart = null;
let polled = null; // the last polled sample
let framesCount = false; // whether the stored rate comes from frames; else it comes from samples

function bind(name, text) {
  for (const element of bound.get(name) ?? []) setText(element, text);
}

function tone(name, value) {
  document.querySelector(`[data-figure="${name}"]`).dataset.tone = value;
}

function storedRate(now) {
  while (recent.length && recent[0].at <= now - RATE_MS) recent.shift();
  // Of a frame that began before this time, only the part inside it counts.
  return recent.reduce((sum, { at, interval, stored }) => {
    const inside = Math.min(interval, at - (now - RATE_MS));
    return sum + (interval > 0 ? (stored * inside) / interval : 0);
  }, 0) / (RATE_MS / 1000);
}

/** @param {Sample} sample */
function showSample(sample) {
  const { ledger, lag, told } = sample;
  for (const name of ["stored", "duplicate", "deadLettered", "dropped", "unaccounted"]) {
    bind(`ledger.${name}`, count(ledger?.[name] ?? NaN));
  }
  for (const name of ["accepted", "inFlight", "lag", "openDeadLetters", "parkedDeadLetters"]) {
    bind(`told.${name}`, told?.[name] ?? UNKNOWN);
  }
  document.querySelector('.value[data-bind="told.lag"]').toggleAttribute("data-long", (told?.lag.length ?? 0) > 11);
  document.querySelector("[data-parked]").hidden = !told?.parkedDeadLetters;
  bind("rate.accepted", rate(sample.rates?.accepted ?? NaN));
  if (!framesCount) bind("rate.stored", rate(sample.rates?.stored ?? NaN));
  bind("lag.seconds", lag ? behind(lag) : "–");
  tone("unaccounted", ledger ? (ledger.unaccounted === 0 ? "good" : "bad") : "");
  tone("deadLetters", told?.lettersWait ? "warn" : "");
  const verdict = document.querySelector("[data-verdict]");
  setText(verdict, sample.verdict?.text ?? "");
  verdict.dataset.tone = sample.verdict?.tone ?? "";
  showSources(sample.sources);
  setState(panels.numbers, ledger ? null : "unknown");
}

function behind({ records, seconds }) {
  if (!records) return "up to date";
  return seconds === null ? "–" : `${duration(seconds)} behind`;
}

function sourceRow(id) {
  const row = make("tr");
  row.dataset.source = id;
  const name = make("td", "source");
  const link = make("a", "", id);
  link.href = `/sources/${encodeURIComponent(id)}/`;
  name.append(link);
  const seen = make("td", "when");
  seen.append(make("time"));
  const values = make("td");
  values.append(make("dl", "values"));
  row.append(name, seen, make("td", "number"), values);
  return row;
}

function showSources(sources) {
  if (!sources) return;
  const body = panels.sources.querySelector("tbody");
  // Newest last, so that each new row ends up on top. Existing rows keep their position, so that rows do not jump.
  for (const source of [...sources].reverse()) {
    let row = body.querySelector(`tr[data-source="${CSS.escape(source.sourceId)}"]`);
    if (!row) body.prepend((row = sourceRow(source.sourceId)));
    setText(row.cells[2], count(source.events));
    showSeen(row, source.lastSeen);
    showValues(row, source.values);
  }
  while (body.rows.length > Number(panels.sources.dataset.rows)) body.lastElementChild.remove();
  const empty = body.rows.length === 0;
  panels.sources.querySelector(".scroll").hidden = empty;
  setState(panels.sources, empty ? "never" : null);
}

function showSeen(row, at) {
  const time = row.querySelector("time");
  if (Number(time.dataset.at ?? 0) > at) return;
  time.dataset.at = at;
  time.dateTime = new Date(at).toISOString();
  setText(time, age(at, feed.now()));
}

function showValues(row, values) {
  const list = row.querySelector(".values");
  for (const [name, value] of Object.entries(values)) {
    let pair = [...list.children].find((child) => child.firstElementChild.textContent === name);
    if (!pair) {
      if (list.children.length >= VALUES) continue;
      pair = make("div");
      pair.append(make("dt", "", name), make("dd"));
      list.append(pair);
    }
    setText(pair.lastElementChild, measure(value));
  }
}

/** @param {OverviewBody} body */
function showColumns({ columns }) {
  columns.sourceId.forEach((id, i) => {
    const row = panels.sources.querySelector(`tr[data-source="${CSS.escape(id)}"]`);
    if (!row) return;
    showSeen(row, columns.lastSeen[i]);
    showValues(row, columns.values[i]);
  });
}

// Polled samples have no rates, so they are computed from two samples.
function ratesBetween(before, now) {
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  const grown = (name) => {
    const [from, to] = [before?.ledger?.[name] ?? null, now.ledger?.[name] ?? null];
    return seconds > 0 && from !== null && to !== null ? Math.max(0, to - from) / seconds : null;
  };
  const acknowledged = now.ledger?.inFlightRange ? (now.doors?.acceptedPerSecond ?? null) : null;
  return { accepted: grown("accepted") ?? (before ? acknowledged : null), stored: grown("stored") };
}

// The points are the ledger's, so every page shows the same chart, however long it has been open.
function readRate() {
  const rate = JSON.parse(document.querySelector("#rate-data script").textContent);
  points = rate ? [rate.at.map((at) => Date.parse(at) / 1000), rate.read, rate.stored] : [[], [], []];
  drawRate();
}

function drawRate() {
  const drawn = points[0].length > 1;
  panels.rate.querySelector(".chart").hidden = !drawn;
  setState(panels.rate, drawn ? null : "waiting");
  if (!drawn) return;
  chart ??= rateChart(panels.rate.querySelector(".chart"));
  chart.setData(points);
  const words = `read ${rate(points[1].at(-1) ?? NaN)}, stored ${rate(points[2].at(-1) ?? NaN)} events per second`;
  panels.rate.querySelector(".chart").setAttribute("aria-label", `Rate over time; at last ${words}`);
}

feed.addEventListener("snapshot", ({ detail: { id, data, polled: isPolled } }) => {
  if (id === "tail") {
    if (data) tail.show(data, { fresh: false });
    setState(panels.tail, data ? (tail.empty ? "never" : null) : "unknown");
    return;
  }
  if (id !== "overview") return;
  const { sample } = data;
  if (isPolled) {
    sample.rates = ratesBetween(polled, sample);
    polled = sample;
  }
  showSample(sample);
});

feed.addEventListener("frame", ({ detail: { id, body, now } }) => {
  if (id === "tail") return tail.show(body, { fresh: true });
  if (id !== "overview") return undefined;
  recent.push({ at: now, interval: body.interval, stored: body.sums.stored });
  showColumns(body);
  if (body.sample) showSample(body.sample);
  return undefined;
});

feed.addEventListener("state", ({ detail: { name, state } }) => {
  if (name === "feed") framesCount = state === "live";
});

feed.addEventListener("connection", ({ detail: { state } }) => {
  framesCount = state === "live";
  if (["late", "unknown", "denied"].includes(state)) {
    bind("rate.accepted", "–");
    bind("rate.stored", "–");
  }
});

followConnection(feed, Object.values(panels), (panel) => {
  if (panel === panels.rate) return points[0].length > 1 ? null : "waiting";
  if (panel === panels.sources) return panel.querySelector("tbody").rows.length ? null : "never";
  if (panel === panels.tail) return tail.empty ? "never" : null;
  return null;
});

setInterval(() => {
  const now = feed.now();
  if (framesCount) bind("rate.stored", rate(storedRate(now)));
}, 500);

feed.subscribe("overview", { channel: "overview" });
feed.subscribe("tail", { channel: "tail" });
document.addEventListener("parts", readRate);
readRate();
