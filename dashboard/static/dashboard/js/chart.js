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
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.redraw(false, true));
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
      { label: "Stored", stroke: colour("--stored"), width: 1.5, spanGaps: false, points: { show: false } },
    ],
  };
  return build(element, options, [[], [], []]);
}

/**
 * Return the chart of one field: the mean, within lowest and highest value.
 * @param {Element} element is replaced by the chart
 * @param {"1m"|"1h"|"1d"} span interval of the aggregates
 */
export function seriesChart(element, span) {
  const options = {
    padding: [8, 34, 0, 0], // room for half of the last label
    cursor: { y: false, points: { size: 6 } },
    scales: { x: { time: true } },
    axes: [
      axis({ values: (chart, ticks) => ticks.map((tick) => timeLabel(tick, span)), space: 70, size: 24 }),
      axis({ values: (chart, ticks) => ticks.map(measure), size: 58 }),
    ],
    bands: [{ series: [3, 2], fill: colour("--band") }],
    series: [
      {},
      { label: "Mean", stroke: colour("--accepted"), width: 1.5, points: { size: 4 } },
      { label: "Lowest", stroke: "transparent", points: { show: false } },
      { label: "Highest", stroke: "transparent", points: { show: false } },
    ],
  };
  return build(element, options, [[], [], [], []]);
}

// Over more than a day a time of day alone would not say which.
function rateTicks({ scales }, ticks) {
  const long = scales.x.max - scales.x.min > 2 * 86400;
  return ticks.map((tick) => (long ? new Date(tick * 1000).toISOString().slice(5, 10) : clock(tick * 1000).slice(0, 5)));
}

function timeLabel(tick, interval) {
  const text = new Date(tick * 1000).toISOString();
  if (interval === "1m") return text.slice(11, 16);
  return interval === "1h" ? `${text.slice(5, 10)} ${text.slice(11, 16)}` : text.slice(0, 10);
}
