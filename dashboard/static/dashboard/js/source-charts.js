// The charts of a source: one for each numeric field, with one cross-hair, zoom by dragging, and live buckets; and times in
// the zone of the reader.

import { fieldChart } from "./chart.js";
import { count, measure } from "./format.js";
import { refreshParts } from "./frame.js";
import { setText } from "./panels.js";

/** @typedef {import("./feed.js").BucketColumns} BucketColumns */

// --- Times ---

const chosen = document.documentElement.dataset.zone || "UTC";
const ofSource = document.querySelector("[data-source-page]")?.dataset.zone;
const zone = usable(chosen === "source" ? ofSource || "UTC" : chosen);

const formats = new Map();

function usable(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name;
  } catch {
    return "UTC";
  }
}

function parts(ms) {
  if (!formats.size) {
    const options = { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    formats.set("all", new Intl.DateTimeFormat("en-CA", options));
  }
  return Object.fromEntries(formats.get("all").formatToParts(ms).map(({ type, value }) => [type, value]));
}

/** @param {number} ms since the epoch */
export function moment(ms) {
  const { year, month, day, hour, minute, second } = parts(ms);
  return `${year}-${month}-${day} ${hour}:${minute}:${second}`;
}

/** @param {number} ms since the epoch */
export function timeOfDay(ms) {
  return moment(ms).slice(11);
}

/**
 * Return a time on an axis.
 * @param {number} seconds since the epoch
 * @param {number} width of the axis in seconds
 */
function tick(seconds, width) {
  const text = moment(seconds * 1000);
  if (width <= 300) return text.slice(11);
  if (width <= 2 * 86400) return text.slice(11, 16);
  return width <= 10 * 86400 ? text.slice(5, 16) : text.slice(0, 10);
}

// --- Charts ---

const SECONDS = { "1m": 60, "1h": 3600, "1d": 86400 };
const WORDS = { "1m": "a minute", "1h": "an hour", "1d": "a day" }; // of a bucket
const LEAST_ZOOM = 120; // s
const REREAD_MS = 60000; // late events may have changed aggregates that no frame contains

/** The charts of the page. Their range is in the address; the server chooses the aggregates. */
export class Charts {
  #root;
  #feed;
  #cards = new Map(); // field -> {card, chart, columns}
  #data = null;
  #asked = 0;
  #visible = new Set();

  /**
   * @param {Element} root
   * @param {import("./feed.js").Feed} feed whose clock the live charts follow
   */
  constructor(root, feed) {
    this.#root = root;
    this.#feed = feed;
    const looker = new IntersectionObserver((entries) => this.#look(entries));
    for (const card of root.querySelectorAll("[data-field]")) {
      this.#cards.set(card.dataset.field, { card, chart: null, columns: null });
      looker.observe(card);
    }
    addEventListener("popstate", () => this.#follow());
    root.querySelector("[data-back]").addEventListener("click", (event) => this.#goLive(event));
    setInterval(() => document.hidden || (this.live && this.load()), REREAD_MS);
    setInterval(() => document.hidden || (this.live && this.#drawAll()), 5000);
  }

  /** Whether the charts end now. */
  get live() {
    return this.#data?.live ?? false;
  }

  /** The length of their buckets. */
  get interval() {
    return this.#data?.interval ?? "1m";
  }

  /** Read what the address asks for, and draw it. */
  async load() {
    const asked = (this.#asked += 1);
    this.#root.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${this.#root.dataset.charts}${location.search}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const data = await answer.json();
      if (asked === this.#asked) this.#show(data);
    } catch {
      // What the server drew, or what was shown, stays; the next time may be better.
    } finally {
      this.#root.removeAttribute("aria-busy");
    }
  }

  /**
   * Take changed buckets of a frame, if they are of the range that is shown.
   * @param {BucketColumns} columns
   * @param {string} interval of the buckets
   */
  take(columns, interval) {
    if (!this.live || interval !== this.interval) return;
    columns.field.forEach((name, i) => {
      const place = this.#place(Date.parse(columns.start[i]) / 1000);
      const entry = this.#cards.get(name);
      if (place === null || !entry?.columns) return;
      [columns.avg[i], columns.min[i], columns.max[i], columns.count[i]].forEach((value, n) => {
        entry.columns[n][place] = value;
      });
    });
    this.#drawAll();
  }

  /** Show the latest value of a field. */
  latest(name, value) {
    setText(this.#cards.get(name)?.card.querySelector("[data-latest]"), measure(value));
  }

  #show(data) {
    this.#data = data;
    data.time = data.time.map((ms) => ms / 1000);
    for (const field of data.fields) {
      const entry = this.#cards.get(field.field);
      if (entry) entry.columns = [field.avg, field.min, field.max, field.count, field.before];
    }
    const [start, end] = this.#span();
    setText(this.#root.querySelector("[data-range-text]"), `by event time from ${moment(start * 1000)} to ${moment(end * 1000)}, each point ${WORDS[data.interval]}`);
    this.#root.querySelector("[data-back]").hidden = data.live;
    for (const link of this.#root.querySelectorAll("[data-range]")) {
      const is = data.live && new URL(link.href).searchParams.get("range") === data.range;
      link.toggleAttribute("aria-current", is);
      if (is) link.setAttribute("aria-current", "true");
    }
    this.#drawAll();
  }

  /** The ends of the time axis; live, it moves with the clock of the server. */
  #span() {
    const [start, end] = [Date.parse(this.#data.start) / 1000, Date.parse(this.#data.end) / 1000];
    const passed = this.live ? Math.max(0, this.#feed.now() / 1000 - end) : 0;
    return [start + passed, end + passed];
  }

  /** Return the place of a bucket, which is made if it follows the last one; null: it is not in the range. */
  #place(start) {
    const { time, interval } = this.#data;
    const length = SECONDS[interval];
    while (time.length && start > time[time.length - 1] && time.length < 20000) {
      time.push(Math.floor(time[time.length - 1] / length + 1) * length);
      for (const { columns } of this.#cards.values()) columns?.forEach((column, n) => column?.push(n === 3 ? 0 : null));
    }
    // The first bucket may begin before the range, and is then said to begin with it.
    const found = time.findLastIndex((each) => each <= start);
    return found >= 0 && start - time[found] < length ? found : null;
  }

  #look(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) this.#visible.delete(target.dataset.field);
      else {
        this.#visible.add(target.dataset.field);
        this.#draw(target.dataset.field);
      }
    }
  }

  #drawAll() {
    for (const name of this.#visible) this.#draw(name);
  }

  #draw(name) {
    const entry = this.#cards.get(name);
    if (!this.#data || !entry?.columns) return;
    const element = entry.card.querySelector(".chart");
    const log = new URLSearchParams(location.search).get("scale") === "log" && isPositive(entry.columns);
    if (!entry.chart || entry.log !== log) {
      entry.chart?.destroy();
      entry.log = log;
      entry.chart = fieldChart(element, {
        zone,
        tick,
        log,
        sync: "source",
        span: () => this.#span(),
        onZoom: (from, to) => this.#zoom(from, to),
        onReset: () => history.state?.zoomed && history.back(),
        onPoint: (index) => this.#read(name, index),
      });
    }
    const { bridged, time } = this.#data;
    const [avg, min, max, , before] = entry.columns;
    const drawn = [avg, min, max, before ?? time.map(() => null)].map((column) => bridge(column, bridged));
    entry.chart.setData([time, ...drawn]);
    if (entry.chart.cursor.idx == null) this.#read(name, null);
    const [low, high] = extent(entry.columns);
    element.setAttribute("aria-label", `${name}: lowest ${measure(low)}, highest ${measure(high)}`);
  }

  /** Say the values below the cross-hair, or the lowest and the highest of all. */
  #read(name, index) {
    const { card, columns } = this.#cards.get(name);
    const unit = card.dataset.unit ? ` ${card.dataset.unit}` : "";
    const slot = card.querySelector("[data-reading]");
    if (index === null || this.#data.time[index] === undefined) {
      const [low, high] = extent(columns);
      return setText(slot, low === Infinity ? "No event in this range" : `lowest ${measure(low)}${unit}, highest ${measure(high)}${unit}`);
    }
    const [avg, min, max, events, before] = columns.map((column) => column?.[index]);
    const at = moment(this.#data.time[index] * 1000);
    const beside = before === undefined ? "" : `; ${this.#data.compare} before ${measure(before ?? NaN)}`;
    if (!events) return setText(slot, `${at}: no event${beside}`);
    return setText(slot, `${at}: ${measure(avg ?? NaN)}${unit} (${measure(min)} to ${measure(max)}), ${count(events)} event${events === 1 ? "" : "s"}${beside}`);
  }

  #zoom(from, to) {
    const middle = (from + to) / 2;
    const half = Math.max(LEAST_ZOOM, to - from) / 2;
    const query = new URLSearchParams(location.search);
    query.delete("range");
    query.set("from", Math.round((middle - half) * 1000));
    query.set("to", Math.round((middle + half) * 1000));
    history.pushState({ zoomed: true }, "", `?${query}`);
    this.#follow();
  }

  #goLive(event) {
    event.preventDefault();
    const query = new URLSearchParams(location.search);
    query.delete("from");
    query.delete("to");
    query.set("range", new URL(event.currentTarget.href).searchParams.get("range") ?? "1h");
    history.pushState({}, "", `?${query}`);
    this.#follow();
  }

  /** Show the range of the address, the states of the source included. */
  #follow() {
    this.load();
    refreshParts().catch(() => {});
  }
}

function isPositive([, min, , , before]) {
  return [...min, ...(before ?? [])].every((value) => value === null || value > 0);
}

function extent([, min, max]) {
  const low = min.reduce((found, value) => (value === null ? found : Math.min(found, value)), Infinity);
  return [low, max.reduce((found, value) => (value === null ? found : Math.max(found, value)), -Infinity)];
}

/** Return a column whose short runs of empty buckets are no gaps: uPlot draws over what is undefined, not over null. */
function bridge(column, most) {
  if (!most) return column;
  const found = [...column];
  let last = -1;
  for (let i = 0; i < column.length; i += 1) {
    if (column[i] === null) continue;
    if (last >= 0 && i - last - 1 <= most) found.fill(undefined, last + 1, i);
    last = i;
  }
  return found;
}
