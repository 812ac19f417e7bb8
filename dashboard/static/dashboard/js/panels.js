// The worded states of a panel, and the connection's lamp. The words stand in the page's template.

const CONNECTION = {
  waiting: "Connecting",
  live: "Live",
  sampling: "Live, once a second",
  polling: "Every two seconds",
  late: "Late",
  unknown: "Cannot tell",
  denied: "Not allowed",
};

export function setState(panel, state) {
  const slot = panel.querySelector(".slot");
  if (!slot || slot.dataset.state === (state ?? "")) return;
  slot.dataset.state = state ?? "";
  const words = state && document.getElementById("states").content.querySelector(`[data-state="${state}"]`);
  slot.replaceChildren(...(words ? [words.cloneNode(true)] : []));
  panel.classList.toggle("old", state === "late" || state === "unknown");
}

// While the feed is late, unknown or refused, every panel says so; `settle` tells each one's own state.
export function followConnection(feed, panels, settle) {
  const lamp = document.querySelector(".connection");
  feed.addEventListener("connection", ({ detail: { state } }) => {
    lamp.dataset.state = state;
    lamp.textContent = CONNECTION[state];
    const lost = ["late", "unknown", "denied"].includes(state);
    for (const panel of panels) setState(panel, lost ? state : settle(panel));
  });
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
