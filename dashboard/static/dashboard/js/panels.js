// The states of a panel, and the connection indicator. The texts come from the template element of the page.

const CONNECTION = {
  waiting: "Connecting",
  live: "Live",
  sampling: "Live, once a second",
  polling: "Every two seconds",
  late: "Late",
  unknown: "Unknown",
  denied: "Not allowed",
  outdated: "Reload the page",
};

const ANNOUNCE_MS = 5000; // between two announcements: a reader that is interrupted more often says nothing

/**
 * Show the text of a state in a panel, or remove it.
 * @param {Element} panel
 * @param {?("never"|"waiting"|"late"|"unknown"|"denied")} state null: the panel shows its data
 */
export function setState(panel, state) {
  const slot = panel.querySelector(".slot");
  if (!slot || slot.dataset.state === (state ?? "")) return;
  slot.dataset.state = state ?? "";
  const words = state && document.getElementById("states").content.querySelector(`[data-state="${state}"]`);
  slot.replaceChildren(...(words ? [words.cloneNode(true)] : []));
  panel.classList.toggle("old", state === "late" || state === "unknown");
}

/** Show the state of the connection in the frame, and announce it if it was lost, and when it is back. */
export function followLamp(feed, lamp) {
  let isAnnounced = false;
  feed.addEventListener("connection", ({ detail: { state } }) => {
    lamp.dataset.state = state;
    setText(lamp, CONNECTION[state]);
    if (["waiting", "live"].includes(state) && !isAnnounced) return;
    isAnnounced = true;
    announce("connection", CONNECTION[state]);
  });
}

const news = new Map(); // by subject, what is to be announced
let lastAnnounced = -ANNOUNCE_MS;
let announcing = 0;

/**
 * Have a screen reader say something when it next pauses. What changes faster than that is said once, as it is then.
 * @param {string} subject a later text of the same subject takes the place of one that is not announced yet
 * @param {string} text
 */
export function announce(subject, text) {
  news.set(subject, text);
  announcing ||= setTimeout(() => {
    announcing = 0;
    lastAnnounced = performance.now();
    setText(document.getElementById("announcer"), [...news.values()].join(". "));
    news.clear();
  }, Math.max(0, lastAnnounced + ANNOUNCE_MS - performance.now()));
}

/**
 * Follow the connection: while it is late, unknown or denied, every panel shows that state, else its own.
 * @param {import("./feed.js").Feed} feed
 * @param {Element[]} panels
 * @param {function(Element): ?string} settle returns the own state of a panel
 */
export function followConnection(feed, panels, settle) {
  feed.addEventListener("connection", ({ detail: { state } }) => {
    const lost = ["late", "unknown", "denied"].includes(state);
    for (const panel of panels) setState(panel, lost ? state : settle(panel));
  });
}

/** Set the text of an element, if there is one and the text differs. */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/**
 * Return a new element.
 * @param {string} name
 * @param {string} [className]
 * @param {string} [text]
 */
export function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
