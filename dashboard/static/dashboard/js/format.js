// Formats numbers and times. An unknown value is "–", never 0.

export const UNKNOWN = "–";
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 6 });

/** @param {number} value a count; NaN: unknown */
export function count(value) {
  return Number.isFinite(value) ? whole.format(value) : UNKNOWN;
}

/** @param {number} value events per second; NaN: unknown */
export function rate(value) {
  if (!Number.isFinite(value)) return UNKNOWN;
  return value > 0 && value < 10 ? value.toFixed(1) : whole.format(value);
}

/** @param {number} value a measured value; NaN: unknown */
export function measure(value) {
  if (!Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(3);
  return fine.format(value);
}

/** @param {number} seconds */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/**
 * Return how long ago a time was.
 * @param {number} at ms since the epoch
 * @param {number} now ms since the epoch, by the server's clock
 */
export function age(at, now) {
  const seconds = (now - at) / 1000;
  if (!Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 1.5) return "now";
  return seconds < 10 ? `${Math.round(seconds)} s ago` : `${duration(seconds)} ago`;
}

/** @param {string} text an RFC 3339 time in UTC */
export function stamp(text) {
  return text.replace("T", " ").replace(/(\.\d+)?Z$/, "");
}

const { zone } = document.documentElement.dataset;
// Swedes write times as ISO 8601 does.
const local =
  zone && !["UTC", "source"].includes(zone)
    ? new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" })
    : null;

/** Return a time in the zone of the page, to the second. @param {string} text an RFC 3339 time in UTC */
export function localStamp(text) {
  return local ? local.format(new Date(text)) : stamp(text);
}

/** @param {number} at ms since the epoch */
export function clock(at) {
  return new Date(at).toISOString().slice(11, 19);
}
