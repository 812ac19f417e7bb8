// The table of the newest events, newest on top. Paused, it keeps what comes, and says how much that is.

import { count, localStamp, rate } from "./format.js";
import { make, setState, setText } from "./panels.js";

const ROWS = 20;
const KEPT = 1000; // events of a pause
const RATE_MS = 5000; // over which rates are told

/** The table of the newest events in a panel. */
export class Tail {
  #panel;
  #body;
  #rows;
  #button;
  #template;
  #known = new Set();
  #isHeld = false; // by the focus in a row, until it leaves
  #paused = null; // {at, rows, passed, known}: since when, what came, how many passed, and whether that number is exact
  #recent = []; // {at, passed, stored, looked, shown} of the last frames

  /**
   * @param {Element} panel
   * @param {{rows?: number}} [options] rows: how many events the table shows
   */
  constructor(panel, { rows = ROWS } = {}) {
    this.#panel = panel;
    this.#rows = rows;
    this.#body = panel.querySelector("tbody");
    this.#template = panel.querySelector("template[data-row]")?.content.firstElementChild;
    for (const row of this.#body.rows) this.#known.add(row.dataset.key);
    this.#button = panel.querySelector("header button");
    this.#button.hidden = false;
    this.#button.addEventListener("click", () => (this.#paused ? this.resume() : this.pause()));
    this.#body.addEventListener("focusin", ({ target }) => target.matches(":focus-visible") && this.#hold());
    this.#body.addEventListener("focusout", ({ relatedTarget }) => this.#body.contains(relatedTarget) || this.#letGo());
  }

  /** Whether the table has no rows. */
  get empty() {
    return this.#body.rows.length === 0;
  }

  /** Whether events are kept and not shown. */
  get paused() {
    return this.#paused !== null;
  }

  /** Keep what comes from now on. */
  pause() {
    this.#isHeld = false;
    if (this.#paused) return;
    this.#paused = { at: Date.now(), rows: [], passed: 0, known: true };
    this.#button.setAttribute("aria-pressed", "true");
    this.#tellPause();
  }

  // Who reads by keyboard would lose the row: it moves with each event, and the last rows go.
  #hold() {
    if (this.#paused) return;
    this.pause();
    this.#isHeld = true;
  }

  #letGo() {
    if (this.#isHeld && document.hasFocus()) this.resume();
  }

  /** Show what came in the meantime, and what comes. */
  resume() {
    const { at, rows, passed, known } = this.#paused;
    this.#paused = null;
    this.#isHeld = false;
    this.#button.setAttribute("aria-pressed", "false");
    setText(this.#button, "Pause");
    for (const event of rows.slice(-this.#rows)) this.#add(event, true);
    this.#trim();
    this.#tellMissed(Math.max(passed, rows.length) - Math.min(rows.length, this.#rows), known, at);
  }

  /**
   * Add events to the table; while it is paused they are kept.
   * @param {import("./feed.js").TailBody} body
   * @param {{fresh: boolean}} options fresh: the events were just stored, so their rows are highlighted and counted
   */
  show(body, { fresh }) {
    const newest = rowsOf(body.columns).slice(-this.#rows);
    const events = newest.filter(({ key }) => !this.#known.has(key));
    if (fresh) this.#count(body);
    if (this.#paused) {
      this.#keep(events, body, fresh);
      return;
    }
    if (fresh) for (const event of events) this.#add(event, fresh);
    // A snapshot may have events that belong between those that are shown.
    else if (events.length) for (const event of newest) this.#put(event);
    this.#trim();
    if (fresh) this.tell();
    if (!this.empty) {
      this.#panel.querySelector(".scroll").hidden = false;
      setState(this.#panel, null);
    }
  }

  /** Say how much of what comes is shown. */
  tell() {
    const note = this.#panel.querySelector("[data-shown], header .note");
    if (!note || this.#paused) return;
    const since = performance.now() - RATE_MS;
    this.#recent = this.#recent.filter(({ at }) => at > since);
    const sum = (name) => this.#recent.reduce((total, frame) => total + frame[name], 0);
    const [passed, stored, looked, shown] = ["passed", "stored", "looked", "shown"].map(sum);
    const exact = this.#recent.every((frame) => frame.exact);
    const each = (number) => rate(number / (RATE_MS / 1000));
    if (!stored && !shown) setText(note, "nothing at the moment");
    else if (exact) setText(note, shown < passed ? `shown ${each(shown)} of ${each(passed)}/s` : `all shown, ${each(passed)}/s`);
    else if (!looked) setText(note, `shown ${each(shown)}/s, a sample`);
    else setText(note, `shown ${each(shown)} of about ${each((passed / looked) * stored)}/s: ${each(looked)} of ${each(stored)}/s were looked at`);
  }

  #count({ seen, stored, looked, shown }) {
    const exact = typeof seen === "number";
    const events = Math.min(shown, this.#rows);
    this.#recent.push({
      at: performance.now(),
      exact,
      passed: exact ? seen : shown,
      stored: stored ?? seen ?? shown,
      looked: looked ?? shown,
      shown: this.#paused ? 0 : events,
    });
  }

  #keep(events, { seen, shown }, fresh) {
    const paused = this.#paused;
    const known = new Set(paused.rows.map(({ key }) => key));
    const unknown = events.filter(({ key }) => !known.has(key));
    paused.rows.push(...unknown);
    if (fresh) paused.passed += typeof seen === "number" ? seen : shown;
    else paused.passed = Math.max(paused.passed, paused.rows.length);
    // A snapshot without one that is known: others may have come before it.
    if (fresh ? typeof seen !== "number" : unknown.length === this.#rows) paused.known = false;
    paused.rows.splice(0, paused.rows.length - KEPT);
    this.#tellPause();
  }

  #tellPause() {
    const { passed, known } = this.#paused;
    setText(this.#button, passed ? `Resume (${known ? "" : "at least "}${count(passed)} new)` : "Resume");
    const note = this.#panel.querySelector("[data-shown], header .note");
    if (note) setText(note, "paused");
  }

  /** Say how many events of a pause are not in the table, and where they are. */
  #tellMissed(missed, known, at) {
    const place = this.#panel.querySelector("[data-missed]") ?? make("p", "state");
    place.dataset.missed = "";
    place.hidden = missed <= 0 && known;
    if (place.hidden) return;
    if (!place.isConnected) this.#panel.querySelector("header").after(place);
    const source = this.#panel.closest("[data-source-id]")?.dataset.sourceId;
    const query = new URLSearchParams({ filter: this.#panel.dataset.filter ?? (source ? `source:${source}` : "") });
    query.set("start", new Date(at).toISOString());
    query.set("end", new Date().toISOString());
    const link = make("a", "", "See them all");
    link.href = `/events/?${query}`;
    const more = missed > 0 ? `${known ? "" : "At least "}${count(missed)} more came while it was paused. ` : "";
    place.replaceChildren(more, known ? "" : "Only a sample of what came while it was paused was looked at. ", link);
  }

  #trim() {
    while (this.#body.querySelectorAll(":scope > tr[data-key]").length > this.#rows) {
      const last = this.#body.querySelector(":scope > tr[data-key]:last-of-type") ?? this.#body.lastElementChild;
      if (last.dataset.key) this.#known.delete(last.dataset.key);
      last.remove();
    }
  }

  #add(event, fresh) {
    if (this.#known.has(event.key)) return;
    this.#known.add(event.key);
    const row = this.#template ? this.#filled(event) : this.#made(event);
    row.dataset.key = event.key;
    if (fresh) row.classList.add("fresh");
    this.#body.prepend(row);
  }

  /** Put the row of an event on top, with the event if that is open. */
  #put(event) {
    const row = this.#body.querySelector(`:scope > tr[data-key="${CSS.escape(event.key)}"]`);
    if (!row) return this.#add(event, false);
    const opened = row.nextElementSibling?.dataset.key ? null : row.nextElementSibling;
    row.classList.remove("fresh");
    return this.#body.prepend(...[row, opened].filter(Boolean));
  }

  #filled({ eventId, sourceId, timestamp, storedAt, preview, cells }) {
    const row = this.#template.cloneNode(true);
    const cell = (name) => row.querySelector(`[data-cell="${name}"]`);
    cell("stored").href = eventAddress(sourceId, eventId);
    cell("stored").textContent = localStamp(storedAt).slice(11);
    cell("stored").title = storedAt;
    cell("source").href = sourceAddress(sourceId);
    cell("source").textContent = sourceId;
    cell("time").textContent = localStamp(timestamp);
    cell("time").title = timestamp;
    if (cell("payload")) cell("payload").textContent = preview;
    row.querySelectorAll('[data-cell="column"]').forEach((place, i) => (place.textContent = cells[i] || "–"));
    return row;
  }

  #made({ eventId, sourceId, timestamp, storedAt, preview }) {
    const row = make("tr");
    const source = make("td", "source");
    const link = make("a", "", sourceId);
    link.href = sourceAddress(sourceId);
    source.append(link);
    const when = make("td", "when");
    const event = make("a", "", localStamp(storedAt).slice(11));
    event.href = eventAddress(sourceId, eventId);
    when.append(event);
    const payload = make("td", "payload", preview);
    payload.title = preview;
    row.append(source, when, make("td", "when event-time", localStamp(timestamp)), payload);
    return row;
  }
}

/** Return columns as rows, oldest first. */
function rowsOf(columns) {
  return columns.eventId.map((eventId, i) => ({
    key: `${columns.sourceId[i]} ${eventId}`,
    eventId,
    sourceId: columns.sourceId[i],
    timestamp: columns.timestamp[i],
    storedAt: columns.storedAt[i],
    preview: columns.preview[i],
    cells: columns.cells?.[i] ?? [],
  }));
}

const sourceAddress = (sourceId) => `/sources/${encodeURIComponent(sourceId)}/`;
const eventAddress = (sourceId, eventId) => `/events/${encodeURIComponent(sourceId)}/${eventId}/`;
