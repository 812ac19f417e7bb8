// The connection to /ws/live: subscriptions, acknowledgements, reconnecting, and polling if no WebSocket works.
// The protocol is described in docs/live.md; the server's side is dashboard/live/messages.py and dashboard/live/deltas.py.

/**
 * A channel with its filters.
 * @typedef {object} Subscription
 * @property {"status"|"overview"|"series"|"tail"} channel
 * @property {string} [sourceId] required for `series`
 * @property {"1m"|"1h"|"1d"} [interval] of the aggregates of `series`
 * @property {string} [filter] of `tail`: a line, as for GET /data
 * @property {string[]} [fields] of `tail`: paths in the payload, whose texts come as `cells`
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
 *   | {type: "snapshot", id: string, channel: string, now: number, data: ?(StatusData|OverviewData|SeriesData|TailBody)}
 *   | {type: "frame", seq: number, now: number, interval: number, subscriptions: Object<string, Body>}
 *   | {type: "heartbeat", now: number}
 *   | {type: "event", name: string, state: string, detail: string, now: number}
 *   | {type: "error", code: string, detail: string, id: ?string}} ServerMessage
 */

/** The body of a frame, by channel. @typedef {StatusData|OverviewBody|SeriesBody|TailBody} Body */

/**
 * The state of the pipeline in short: the data with which `status` starts, and with `interval` the body of a frame, which is
 * sent when it has changed. The types of its parts are in dashboard/panels/status_news.py.
 * @typedef {object} StatusData
 * @property {{tone: string, word: string, text: string, openDeadLetters: string}} status
 * @property {{tone: string, title: string, since: ?string}[]} notices
 * @property {number} moreNotices that are not listed
 * @property {?{tone: string, text: string}} verdict
 */

/**
 * The state of the pipeline; null: unknown. The types of its parts are in dashboard/panels/snapshot_types.py and queries.
 * @typedef {object} Sample
 * @property {number} at ms since the epoch
 * @property {{tone: string, title: string, text: string, since: ?string}[]} notices
 * @property {?Object<string, *>} ledger events by outcome, with `accepted`, `inFlight`, `inFlightRange` and `unaccounted`
 * @property {?Object<string, string|boolean>} told numbers that may be ranges, as text
 * @property {?{tone: string, text: string}} verdict the ledger in words
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
 * @property {number} [atLeast] of a gap: events that were stored in it, counted to some thousands
 * @property {{eventId: string[], sourceId: string[], timestamp: string[], storedAt: string[], preview: string[], cells?: string[][]}} columns
 */

const STALE_MS = 2800; // without a message for this long, what is shown may be old
const WATCH_MS = 200; // how often that is looked at: a page says so within three seconds
const DEAD_MS = 10000; // without a message for this long, reconnect
const POLL_MS = 2000;
const POLL_STALE_MS = 1000; // for the answer to a poll, before what is shown is called unknown
const FAILURES_BEFORE_POLLING = 3;
const RETRY_MS = [500, 15000];
// Close codes of the server: dashboard/live/socket_limits.py.
const SIGNED_OUT = 4401;
const OTHER_VERSION = 4406;
const REFUSED = [4400, 4429];
const VERSION = 2; // of the protocol
const GAP_MS = 4000; // for the server to say what was stored while there was no connection

/**
 * The live feed of a page.
 *
 * It dispatches CustomEvents with these details:
 * "snapshot" {id, data, now, polled}, "frame" {id, body, now}, "state" {name, state}, "gap" {id, atLeast, exact, shown} after a
 * frame with events of a tail that were stored while there was no connection, and "connection" {state}, where state is
 * "waiting", "live", "sampling", "polling", "late", "unknown", "denied" or "outdated" (the page is of another release).
 */
export class Feed extends EventTarget {
  #socket = null;
  #subscriptions = new Map();
  #newest = new Map(); // id of a tail -> the latest `storedAt` that it was sent
  #opening = 0; // how often a connection was opened
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
    this.#newest.delete(id);
    this.#send({ type: "subscribe", id, ...filters });
  }

  /** End a subscription. @param {string} id */
  unsubscribe(id) {
    this.#subscriptions.delete(id);
    this.#newest.delete(id);
    this.#send({ type: "unsubscribe", id });
  }

  /** Connect. Call once, after the listeners are added. */
  start() {
    this.#connect();
    setInterval(() => this.#watch(), WATCH_MS);
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
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live?version=${VERSION}`);
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
    this.#opening += 1;
    for (const [id, filters] of this.#subscriptions) {
      if (this.#newest.has(id)) this.#resume(id, filters, this.#opening);
      else this.#send({ type: "subscribe", id, ...filters });
    }
    if (document.hidden) this.#visibility();
  }

  /** Subscribe a tail again, first filling in what was stored while there was no connection. */
  async #resume(id, filters, opening) {
    const since = this.#newest.get(id);
    try {
      const message = await this.#ask(filters, { since }, AbortSignal.timeout(GAP_MS));
      if (opening !== this.#opening || this.#subscriptions.get(id) !== filters) return;
      if (message.data?.shown) this.#fill(id, message);
    } catch {
      // The snapshot that follows has the newest events; how many there were before is not known.
      this.#emit("gap", { id, atLeast: null, exact: false, shown: 0 });
    }
    if (opening === this.#opening) this.#send({ type: "subscribe", id, ...filters });
  }

  #fill(id, { data, now }) {
    this.#note(id, data);
    this.#emit("frame", { id, body: { interval: 0, ...data }, now });
    this.#emit("gap", { id, atLeast: data.atLeast, exact: data.seen !== null, shown: data.shown });
  }

  /** Remember up to when a tail has seen events. */
  #note(id, body) {
    if (this.#subscriptions.get(id)?.channel !== "tail") return;
    for (const at of body?.columns?.storedAt ?? []) {
      if (at > (this.#newest.get(id) ?? "")) this.#newest.set(id, at);
    }
  }

  #closed(code) {
    this.#socket = null;
    if (code === OTHER_VERSION) return this.#stop("outdated");
    // Once more after the session ended: another page may have replaced it, as a change of the password does.
    if (this.#signedOut) return this.#stop("denied");
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

  /** Neither connect nor poll any more: the page has to be loaded again, which may ask to sign in. */
  #stop(state) {
    clearTimeout(this.#retry);
    clearInterval(this.#polling);
    this.#polling = null;
    this.#become(state);
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
        this.#note(id, body);
        this.#emit("frame", { id, body, now: message.now });
      }
      // Acknowledged after drawing, so that a slow page gets fewer frames, each over a longer time.
      this.#send({ type: "ack", seq: message.seq });
    } else if (message.type === "snapshot") {
      this.#note(message.id, message.data);
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
    const patience = this.#polling ? POLL_MS + POLL_STALE_MS : STALE_MS;
    if (this.#heard && silent > patience && !["denied", "outdated"].includes(this.#state)) {
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
    if (document.hidden) return;
    this.#opening += 1;
    for (const [id, filters] of this.#subscriptions) {
      if (this.#newest.has(id)) this.#resume(id, filters, this.#opening);
      else this.refresh(id);
    }
  }

  /** Return the snapshot of a channel, or what a tail has missed `since`. */
  async #ask({ channel, sourceId, interval, filter, fields }, more = {}, signal = undefined) {
    const query = new URLSearchParams(more);
    if (sourceId) query.set("source_id", sourceId);
    if (interval) query.set("interval", interval);
    if (filter) query.set("filter", filter);
    if (fields?.length) query.set("fields", fields.join(","));
    const answer = await fetch(`/live/${channel}/?${query}`, { headers: { Accept: "application/json" }, signal });
    if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { status: answer.status });
    return answer.json();
  }

  async #poll() {
    for (const [id, filters] of this.#subscriptions) {
      try {
        const message = await this.#ask(filters);
        if (!this.#polling) return undefined;
        this.#heard = performance.now();
        this.#skew = message.now - Date.now();
        this.#note(id, message.data);
        this.#emit("snapshot", { ...message, id, polled: true });
        this.#become("polling");
      } catch (error) {
        if ([401, 403].includes(error.status)) return this.#stop("denied");
        if (this.#polling && performance.now() - this.#heard > POLL_MS + POLL_STALE_MS) this.#become("unknown");
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
