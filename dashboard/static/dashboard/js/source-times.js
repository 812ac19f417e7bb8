// Times on the page of a source, in the zone of its reader.

const chosen = document.documentElement.dataset.zone || "UTC";
const ofSource = document.querySelector("[data-source-page]")?.dataset.zone;
export const zone = usable(chosen === "source" ? ofSource || "UTC" : chosen);

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
export function tick(seconds, width) {
  const text = moment(seconds * 1000);
  if (width <= 300) return text.slice(11);
  if (width <= 2 * 86400) return text.slice(11, 16);
  return width <= 10 * 86400 ? text.slice(5, 16) : text.slice(0, 10);
}
