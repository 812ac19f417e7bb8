// The connection to /ws/live: subscriptions, acks, reconnecting, and polling where no socket works.
//
// Events: "snapshot" {id, data, now}, "frame" {id, body, now}, "state" {name, state}, "connection" {state}.

const STALE_MS = 3000; // no message for so long: what is shown may be old
const DEAD_MS = 10000; // no message for so long: connect anew
const POLL_MS = 2000;
const FAILURES_BEFORE_POLLING = 3;
const RETRY_MS = [500, 15000];

export class Feed extends EventTarget {
  #socket = null;
  #subscriptions = new Map([["overview", { channel: "overview" }]]);
  #failures = 0;
  #heard = 0;
  #skew = 0; // server's clock minus ours, ms
  #state = "waiting";
  #frames = "live"; // or "sampling": the server has no frames and reads the stores instead
  #polling = null;
  #retry = null;

  subscribe(id, filters) {
    this.#subscriptions.set(id, filters);
    this.#say({ type: "subscribe", id, ...filters });
  }

  start() {
    this.#connect();
    setInterval(() => this.#watch(), 500);
    document.addEventListener("visibilitychange", () => this.#visibility());
    addEventListener("pagehide", () => this.#socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.#connect());
  }

  refresh(id) {
    this.#say({ type: "subscribe", id, ...this.#subscriptions.get(id) });
  }

  now() {
    return Date.now() + this.#skew;
  }

  #connect() {
    clearTimeout(this.#retry);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live`);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", (message) => this.#hear(JSON.parse(message.data)));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#closed(event.code));
  }

  #opened() {
    this.#failures = 0;
    this.#heard = performance.now();
    clearInterval(this.#polling);
    this.#polling = null;
    for (const [id, filters] of this.#subscriptions) {
      if (id !== "overview") this.#say({ type: "subscribe", id, ...filters });
    }
    if (document.hidden) this.#visibility();
  }

  #closed(code) {
    this.#socket = null;
    if (code === 4401 || code === 4403) return this.#become("denied");
    this.#failures += 1;
    const longest = Math.min(RETRY_MS[0] * 2 ** this.#failures, RETRY_MS[1]);
    // Jitter, so that a restarted server is not met by every page at once.
    this.#retry = setTimeout(() => this.#connect(), longest * (0.5 + Math.random() / 2));
    if (this.#failures >= FAILURES_BEFORE_POLLING && !this.#polling) {
      this.#polling = setInterval(() => this.#poll(), POLL_MS);
      this.#poll();
    }
    return undefined;
  }

  #say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #hear(message) {
    this.#heard = performance.now();
    if (message.now) this.#skew = message.now - Date.now();
    if (message.type === "frame") {
      for (const [id, body] of Object.entries(message.subscriptions)) {
        this.#emit("frame", { id, body, now: message.now });
      }
      // Only now: a page that is slow to draw gets fewer, wider frames.
      this.#say({ type: "ack", seq: message.seq });
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
    this.#say({ type: "pause", paused: document.hidden });
    if (!document.hidden) for (const id of this.#subscriptions.keys()) this.refresh(id);
  }

  async #poll() {
    for (const [id, { channel, sourceId, interval }] of this.#subscriptions) {
      const query = new URLSearchParams();
      if (sourceId) query.set("source_id", sourceId);
      if (interval) query.set("interval", interval);
      try {
        const answer = await fetch(`/live/${channel}/?${query}`, { headers: { Accept: "application/json" } });
        if (answer.status === 401 || answer.status === 403) return this.#become("denied");
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const message = await answer.json();
        if (!this.#polling) return undefined;
        this.#heard = performance.now();
        this.#skew = message.now - Date.now();
        this.#emit("snapshot", { ...message, id });
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
