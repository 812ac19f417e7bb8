// The table of the newest events, newest on top.

import { count, stamp } from "./format.js";
import { make, setState, setText } from "./panels.js";

const ROWS = 20;

/** The table of the newest events in a panel. */
export class Tail {
  #panel;
  #body;
  #known = new Set();
  #paused = false;

  constructor(panel) {
    this.#panel = panel;
    this.#body = panel.querySelector("tbody");
    for (const row of this.#body.rows) this.#known.add(row.dataset.key);
    const button = panel.querySelector("button");
    button.hidden = false;
    button.addEventListener("click", () => {
      this.#paused = !this.#paused;
      button.setAttribute("aria-pressed", String(this.#paused));
      button.textContent = this.#paused ? "Continue" : "Pause";
    });
  }

  /** Whether the table has no rows. */
  get empty() {
    return this.#body.rows.length === 0;
  }

  /**
   * Add events to the table; nothing is added while it is paused.
   * @param {import("./feed.js").TailBody} body
   * @param {{fresh: boolean}} options fresh: highlight the rows, since the events were just stored
   */
  show({ columns, seen, shown }, { fresh }) {
    if (this.#paused) return;
    const first = Math.max(0, columns.eventId.length - ROWS);
    for (let i = first; i < columns.eventId.length; i += 1) this.#add(columns, i, fresh);
    while (this.#body.rows.length > ROWS) {
      this.#known.delete(this.#body.rows[ROWS].dataset.key);
      this.#body.rows[ROWS].remove();
    }
    const sampled = fresh && seen > Math.min(shown, ROWS);
    setText(this.#panel.querySelector(".note"), sampled ? `${count(Math.min(shown, ROWS))} of ${count(seen)} just stored` : "");
    if (!this.empty) {
      this.#panel.querySelector(".scroll").hidden = false;
      setState(this.#panel, null);
    }
  }

  #add(columns, i, fresh) {
    const key = `${columns.sourceId[i]} ${columns.eventId[i]}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    const row = make("tr", fresh ? "fresh" : "");
    row.dataset.key = key;
    const source = make("td", "source");
    const link = make("a", "", columns.sourceId[i]);
    link.href = `/sources/${encodeURIComponent(columns.sourceId[i])}/`;
    source.append(link);
    const payload = make("td", "payload", columns.preview[i]);
    payload.title = columns.preview[i];
    row.append(
      source,
      make("td", "when", stamp(columns.storedAt[i]).slice(11)),
      make("td", "when event-time", stamp(columns.timestamp[i])),
      payload,
    );
    this.#body.prepend(row);
  }
}
