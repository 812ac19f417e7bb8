// Charts by uPlot, in the colours, sizes and time format of the pages.

import { clock, measure, rate } from "./format.js";

// A canvas knows no variables and no light-dark(): an element that has the colour resolves both.
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);
function colour(name) {
  return () => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
}

const FONT = "11px system-ui, sans-serif";

function axis(more) {
  return {
    stroke: colour("--muted"),
    font: FONT,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    ...more,
  };
}

function build(element, options, data) {
  const size = () => ({ width: element.clientWidth - 16, height: element.clientHeight - 6 });
  element.replaceChildren();
  const chart = new uPlot({ ...size(), legend: { show: false }, ...options }, data, element);
  new ResizeObserver(() => chart.setSize(size())).observe(element);
  // Colours are read at every drawing, so a change of theme needs only a redraw.
  for (const theme of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(theme).addEventListener("change", () => chart.redraw(false, true));
  }
  return chart;
}

/**
 * Return the chart of events per second that were read and stored.
 * @param {Element} element is replaced by the chart
 */
export function rateChart(element) {
  const options = {
    padding: [10, 10, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { time: true },
      y: { range: (chart, low, high) => [0, Math.max(1, (high ?? 1) * 1.1)] },
    },
    axes: [
      axis({ values: (chart, ticks) => rateTicks(chart, ticks), space: 90, size: 26 }),
      axis({ values: (chart, ticks) => ticks.map(rate), size: 56 }),
    ],
    series: [
      {},
      { label: "Read", stroke: colour("--accepted"), width: 1.5, spanGaps: false, points: { show: false } },
      { label: "Stored", stroke: colour("--stored"), width: 1.5, dash: [6, 4], spanGaps: false, points: { show: false } },
    ],
  };
  return build(element, options, [[], [], []]);
}

/**
 * Options of the chart of one field.
 * @typedef {object} FieldOptions
 * @property {string} zone in which the axis is
 * @property {function(number, number): string} tick text of a time (s since the epoch) on an axis of so many seconds
 * @property {boolean} log whether values are drawn by their logarithm
 * @property {string} sync charts with the same text share one cross-hair
 * @property {function(): [number, number]} span the ends of the time axis, s since the epoch
 * @property {function(number, number): void} onZoom gets the ends of what was dragged over
 * @property {function(): void} onReset a double click
 * @property {function(?number): void} onPoint gets the index below the cross-hair; null: it is not in the chart
 */

/**
 * Return the chart of one field: the average within lowest and highest value, and the average of an earlier time.
 * @param {Element} element is replaced by the chart
 * @param {FieldOptions} options
 */
export function fieldChart(element, { zone, tick, log, sync, span, onZoom, onReset, onPoint }) {
  const width = () => span()[1] - span()[0];
  const options = {
    padding: [8, 14, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    cursor: {
      y: false,
      points: { size: 6 },
      sync: { key: sync, scales: ["x", null] },
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: () => () => onReset() },
    },
    scales: { x: { time: true, range: () => span() }, y: log ? { distr: 3 } : {} },
    axes: [
      axis({ values: (chart, ticks) => ticks.map((each) => tick(each, width())), space: 80, size: 24 }),
      axis({ values: (chart, ticks) => ticks.map((each) => (each === null ? "" : measure(each))), size: 62, space: 28 }),
    ],
    bands: [{ series: [3, 2], fill: colour("--band") }],
    series: [
      {},
      { label: "Average", stroke: colour("--accepted"), width: 1.5, points: lonePoints("--accepted") },
      { label: "Lowest", stroke: "transparent", points: { show: false } },
      { label: "Highest", stroke: "transparent", points: { show: false } },
      { label: "Before", stroke: colour("--muted"), width: 1.2, dash: [5, 4], points: { show: false } },
    ],
    hooks: {
      setCursor: [(chart) => onPoint(chart.cursor.idx ?? null)],
      setSelect: [
        (chart) => {
          const { left, width: dragged } = chart.select;
          if (dragged < 5) return;
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onZoom(chart.posToVal(left, "x"), chart.posToVal(left + dragged, "x"));
        },
      ],
    },
  };
  return build(element, options, [[], [], [], [], []]);
}

/** Points where a value stands between two gaps, or where there are few: a line shows nothing of them. */
function lonePoints(name) {
  return {
    size: 4,
    stroke: colour(name),
    fill: colour(name),
    show: (chart, series, first, last) => last - first < 60 || undefined,
    filter: (chart, series, show) => {
      const column = chart.data[series];
      const found = [];
      for (let i = 0; i < column.length; i += 1) {
        if (column[i] == null) continue;
        if (show || ((column[i - 1] ?? null) === null && (column[i + 1] ?? null) === null)) found.push(i);
      }
      return found;
    },
  };
}

// Over more than a day a time of day alone would not say which.
function rateTicks({ scales }, ticks) {
  const long = scales.x.max - scales.x.min > 2 * 86400;
  return ticks.map((tick) => (long ? new Date(tick * 1000).toISOString().slice(5, 10) : clock(tick * 1000).slice(0, 5)));
}
