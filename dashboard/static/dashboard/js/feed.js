// The connection to /ws/live: subscriptions, acknowledgements, reconnecting, and polling if no WebSocket works.
// The server's side of these messages is dashboard/live/messages.py and dashboard/live/deltas.py.

/**
 * A channel with its filters.
 * @typedef {object} Subscription
 * @property {"overview"|"series"|"tail"} channel
 * @property {string} [sourceId] required for `series`
 * @property {"1m"|"1h"|"1d"} [interval] of the aggregates of `series`
 * @property {string} [filter] of `tail`: a line, as for GET /data
 */

/**
 * A message of the client.
 * @typedef {{type: "subscribe", id: string} & Subscription
 *   | {type: "unsubscribe", id: string}
 *   | {type: "ack", seq: number}
 *   | {type: "pause", paused: boolean}} ClientMessage
 */

/**
 * A message of the server. Every message but `error` has `now`: the server's clock in ms since the epoch.
 * @typedef {{type: "welcome", version: number, now: number, interval: number, heartbeat: number, window: number}
 *   | {type: "snapshot", id: string, channel: string, now: number, data: ?(OverviewData|SeriesData|TailBody)}
 *   | {type: "frame", seq: number, now: number, interval: number, subscriptions: Object<string, Body>}
 *   | {type: "heartbeat", now: number}
 *   | {type: "event", name: string, state: string, detail: string, now: number}
 *   | {type: "error", code: string, detail: string, id: ?string}} ServerMessage
 */

/** The body of a frame, by channel. @typedef {OverviewBody|SeriesBody|TailBody} Body */

/**
 * The state of the pipeline; null: unknown. The types of its parts are in dashboard/panels/snapshot_types.py and queries.
 * @typedef {object} Sample
 * @property {number} at ms since the epoch
 * @property {{tone: string, title: string, text: string, since: ?string}[]} notices
 * @property {?Object<string, *>} ledger events by outcome, with `accepted`, `inFlight`, `inFlightRange` and `unaccounted`
 * @property {?Object<string, string|boolean>} told numbers that may be ranges, as text
 * @property {?{tone: string, text: string}} verdict the ledger in words
 * @property {?object[]} minutes of the ledger, newest first
 * @property {?{at: number[], read: number[], stored: number[]}} overTime columns of the rate chart, from the ledger's minutes
 * @property {{accepted: ?number, stored: ?number}} rates events per second at this moment
 * @property {?{records: number, seconds: ?number}} lag
 * @property {?{member: string, partitions: number[], state: string}[]} consumers
 * @property {?{acceptedPerSecond: number, accepted: number, refused: number, reasons: object[], processes: object[]}} doors
 * @property {?Object<string, {state: "up"|"down", latencyMs: ?number}>} stores
 * @property {?{sourceId: string, lastSeen: number, events: number, values: Object<string, number>}[]} sources
 */

/**
 * The data with which `overview` starts.
 * @typedef {object} OverviewData
 * @property {Sample} sample
 */

/**
 * The changes of `overview` in one frame.
 * @typedef {object} OverviewBody
 * @property {number} interval ms
 * @property {Object<string, number>} sums events by outcome
 * @property {number} seen sources with new events
 * @property {number} shown sources in `columns`
 * @property {{sourceId: string[], lastSeen: number[], stored: number[], values: Object<string, number>[]}} columns
 * @property {Sample} [sample]
 */

/**
 * Aggregates as columns of equal length.
 * @typedef {{field: string[], start: string[], count: number[], avg: Array<?number>, min: number[], max: number[]}} BucketColumns
 */

/**
 * The data with which `series` starts.
 * @typedef {object} SeriesData
 * @property {string} start of the charts, RFC 3339
 * @property {{lastSeen: number, events: number}} source
 * @property {{field: string[], at: number[], value: number[]}} latest
 * @property {BucketColumns} buckets
 */

/**
 * The changes of `series` in one frame.
 * @typedef {object} SeriesBody
 * @property {number} interval ms
 * @property {{stored: number}} sums
 * @property {{field: string[], at: number[], value: number[]}} columns latest values
 * @property {BucketColumns} buckets changed aggregates
 */

/**
 * The newest events, oldest first: in a frame of `tail`, and the data with which it starts.
 * @typedef {object} TailBody
 * @property {number} [interval] ms
 * @property {?number} seen events of the time that pass the filter; null: unknown
 * @property {?number} stored events of the time of the filter's sources; null: unknown
 * @property {number} looked of these, events that the feed carried: its frames have a sample
 * @property {number} shown events in `columns`
 * @property {{eventId: string[], sourceId: string[], timestamp: string[], storedAt: string[], preview: string[]}} columns
 */

const STALE_MS = 3000; // without a message for this long, what is shown may be old
const DEAD_MS = 10000; // without a message for this long, reconnect
const POLL_MS = 2000;
const FAILURES_BEFORE_POLLING = 3;
const RETRY_MS = [500, 15000];
// Close codes of the server: dashboard/live/socket_limits.py.
const SIGNED_OUT = 4401;
const REFUSED = [4400, 4429];

/**
 * The live feed of a page.
 *
 * It dispatches CustomEvents with these details:
 * "snapshot" {id, data, now, polled}, "frame" {id, body, now}, "state" {name, state} and "connection" {state}, where state is
 * "waiting", "live", "sampling", "polling", "late", "unknown" or "denied".
 */
export class Feed extends EventTarget {
  #socket = null;
  #subscriptions = new Map([["overview", { channel: "overview" }]]);
  #failures = 0;
  #heard = 0;
  #skew = 0; // server's clock minus the browser's, ms
  #state = "waiting";
  #frames = "live"; // or "sampling": the server gets no frames and reads the stores instead
  #polling = null;
  #retry = null;
  #signedOut = false;

  /**
   * Add a subscription.
   * @param {string} id of the page's choice
   * @param {Subscription} filters
   */
  subscribe(id, filters) {
    this.#subscriptions.set(id, filters);
    this.#send({ type: "subscribe", id, ...filters });
  }

  /** Connect. Call once, after the listeners are added. */
  start() {
    this.#connect();
    setInterval(() => this.#watch(), 500);
    document.addEventListener("visibilitychange", () => this.#visibility());
    addEventListener("pagehide", () => this.#socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#connect());
  }

  /** Ask for a new snapshot of a subscription. @param {string} id */
  refresh(id) {
    this.#send({ type: "subscribe", id, ...this.#subscriptions.get(id) });
  }

  /** Return the server's clock, in ms since the epoch. */
  now() {
    return Date.now() + this.#skew;
  }

  #connect() {
    clearTimeout(this.#retry);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live`);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (message) => this.#receive(JSON.parse(message.data)));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#closed(event.code));
  }

  #opened() {
    this.#failures = 0;
    this.#signedOut = false;
    this.#heard = performance.now();
    clearInterval(this.#polling);
    this.#polling = null;
    for (const [id, filters] of this.#subscriptions) {
      if (id !== "overview") this.#send({ type: "subscribe", id, ...filters });
    }
    if (document.hidden) this.#visibility();
  }

  #closed(code) {
    this.#socket = null;
    // Once more after the session ended: another page may have replaced it, as a change of the password does.
    if (this.#signedOut) return this.#deny();
    this.#signedOut = code === SIGNED_OUT;
    if (this.#signedOut) this.#become("denied");
    this.#failures = REFUSED.includes(code) ? RETRY_MS[1] / RETRY_MS[0] : this.#failures + 1;
    const longest = Math.min(RETRY_MS[0] * 2 ** this.#failures, RETRY_MS[1]);
    // Jitter, so that not all pages reconnect to a restarted server at once.
    this.#retry = setTimeout(() => this.#connect(), longest * (0.5 + Math.random() / 2));
    if (this.#failures >= FAILURES_BEFORE_POLLING && !this.#polling && !this.#signedOut) {
      this.#polling = setInterval(() => this.#poll(), POLL_MS);
      this.#poll();
    }
    return undefined;
  }

  /** Neither connect nor poll any more: the page has to be loaded again, which asks to sign in. */
  #deny() {
    clearTimeout(this.#retry);
    clearInterval(this.#polling);
    this.#polling = null;
    this.#become("denied");
  }

  /** @param {ClientMessage} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    this.#heard = performance.now();
    if (message.now) this.#skew = message.now - Date.now();
    if (message.type === "frame") {
      for (const [id, body] of Object.entries(message.subscriptions)) {
        this.#emit("frame", { id, body, now: message.now });
      }
      // Acknowledged after drawing, so that a slow page gets fewer frames, each over a longer time.
      this.#send({ type: "ack", seq: message.seq });
    } else if (message.type === "snapshot") {
      this.#emit("snapshot", message);
    } else if (message.type === "event") {
      if (message.name === "feed") this.#frames = message.state;
      this.#emit("state", message);
    } else if (message.type === "error") {
      console.warn("live feed:", message.code, message.detail);
    }
    this.#become(this.#frames === "live" ? "live" : "sampling");
  }

  #watch() {
    const silent = performance.now() - this.#heard;
    if (this.#heard && silent > STALE_MS && this.#state !== "denied") {
      this.#become(this.#polling ? "unknown" : "late");
    }
    if (this.#socket?.readyState === WebSocket.OPEN && silent > DEAD_MS) {
      const socket = this.#socket;
      this.#closed(0);
      socket.close();
    }
  }

  #visibility() {
    this.#send({ type: "pause", paused: document.hidden });
    if (!document.hidden) for (const id of this.#subscriptions.keys()) this.refresh(id);
  }

  async #poll() {
    for (const [id, { channel, sourceId, interval, filter }] of this.#subscriptions) {
      const query = new URLSearchParams();
      if (sourceId) query.set("source_id", sourceId);
      if (interval) query.set("interval", interval);
      if (filter) query.set("filter", filter);
      try {
        const answer = await fetch(`/live/${channel}/?${query}`, { headers: { Accept: "application/json" } });
        if (answer.status === 401 || answer.status === 403) return this.#deny();
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const message = await answer.json();
        if (!this.#polling) return undefined;
        this.#heard = performance.now();
        this.#skew = message.now - Date.now();
        this.#emit("snapshot", { ...message, id, polled: true });
        this.#become("polling");
      } catch {
        if (this.#polling && performance.now() - this.#heard > STALE_MS) this.#become("unknown");
      }
    }
    return undefined;
  }

  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#emit("connection", { state });
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
