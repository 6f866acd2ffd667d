// Charts of series, drawn by uPlot where they come into view. Drag to zoom, double-click to see all of it again.

const UNITS = { s: seconds, B: bytes, ratio: (v) => `${round(v * 100)} %`, count: round, "/s": (v) => `${round(v)}/s` };
const drawn = new Map();

function round(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e6) return `${+(value / 1e6).toPrecision(3)} M`;
  return Math.abs(value) >= 1000 ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : String(+value.toPrecision(3));
}

function seconds(value) {
  const size = Math.abs(value);
  if (size >= 172800) return `${round(value / 86400)} d`;
  if (size >= 7200) return `${round(value / 3600)} h`;
  if (size >= 120) return `${round(value / 60)} min`;
  return size >= 1 || size === 0 ? `${round(value)} s` : size >= 1e-3 ? `${round(value * 1000)} ms` : `${round(value * 1e6)} µs`;
}

function bytes(value) {
  let size = value;
  for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
    if (Math.abs(size) < 1000 || unit === "TB") return `${round(size)} ${unit}`;
    size /= 1000;
  }
  return "";
}

// Midnight and whole days by their date, everything else by the clock.
function moment(at, step) {
  const when = new Date(at * 1000);
  if (step >= 86400 || (step >= 3600 && when.getHours() === 0)) return when.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return when.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Thresholds as dashed lines, marks as ticks at the top, each with its word.
function overlay(limits, marks) {
  return (u) => {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    for (const one of limits) {
      const y = u.valToPos(one.value, "y", true);
      if (y < bbox.top || y > bbox.top + bbox.height) continue;
      ctx.strokeStyle = ctx.fillStyle = colour(one.level === "critical" ? "--bad" : "--warn");
      ctx.lineWidth = ratio;
      ctx.setLineDash([6 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.fillText(`${one.level} ${one.label}`, bbox.left + 4 * ratio, y - 4 * ratio);
    }
    ctx.setLineDash([]);
    const right = bbox.left + bbox.width;
    const taken = []; // by words, those of disturbances first
    for (const one of [...marks].sort((a, b) => (b.bad ?? false) - (a.bad ?? false))) {
      const x = u.valToPos(one.at, "x", true);
      const end = one.until ? u.valToPos(one.until, "x", true) : x;
      if (end < bbox.left || x > right) continue;
      ctx.strokeStyle = ctx.fillStyle = colour(one.bad ? "--bad" : "--info");
      if (one.until) {
        const from = Math.max(x, bbox.left);
        ctx.globalAlpha = 0.1;
        ctx.fillRect(from, bbox.top, Math.min(end, right) - from, bbox.height);
        ctx.globalAlpha = 1;
      }
      if (x < bbox.left) continue;
      ctx.lineWidth = ratio;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.globalAlpha = 0.45;
      ctx.stroke();
      ctx.globalAlpha = 1;
      const wide = ctx.measureText(one.label).width;
      const at = Math.min(x + 3 * ratio, right - wide);
      if (taken.some(([from, to]) => at < to && at + wide > from)) continue;
      ctx.fillText(one.label, at, bbox.top + 10 * ratio);
      taken.push([at - 6 * ratio, at + wide + 6 * ratio]);
    }
    ctx.restore();
  };
}

function legend(figure, items) {
  let list = figure.querySelector(".legend");
  if (!list) {
    list = document.createElement("ul");
    list.className = "legend";
    figure.append(list);
  }
  list.replaceChildren(...items.map(([name, text]) => {
    const item = document.createElement("li");
    item.innerHTML = `<svg viewBox="0 0 20 8" aria-hidden="true"><path d="M0 4h20" stroke-width="2"/></svg>`;
    item.querySelector("path").style.stroke = colour(name);
    item.append(text);
    return item;
  }));
}

async function numbers(series, since, points) {
  const answer = await fetch(`/api/series/${encodeURIComponent(series)}?since=${since}&points=${points}`);
  return answer.ok ? (await answer.json()).data : null;
}

// Events as a share of others: errors of requests. Where nothing was asked, there is no share.
function shared(some, all) {
  const known = new Map(some?.chart.map((one) => [one.at, one.count]));
  const chart = all.chart.map(({ at, count }) => ({ at, count: 1, mean: (known.get(at) ?? 0) / count }));
  const max = chart.reduce((most, one) => Math.max(most, one.mean), 0);
  return { ...all, counts: false, chart, mean: all.count ? (some?.count ?? 0) / all.count : 0, max };
}

// What matters of a series: how much a counter grew, how many events there were, or the values themselves.
function linesOf(data, of) {
  if (data.total) return [["--line-1", "increase", data.chart.map((one) => one.rise)]];
  if (data.counts) return [["--line-1", "how many", data.chart.map((one) => one.count)]];
  const lines = [["--line-1", of ? "share" : "mean", data.chart.map((one) => one.mean)]];
  if (data.chart.some((one) => one.count > 1)) {
    lines.push(["--line-2", "95th percentile", data.chart.map((one) => one.p95 ?? one.max)]);
  }
  return lines;
}

async function draw(figure) {
  const place = figure.querySelector(".plot");
  const { series, unit, since, of } = figure.dataset;
  const points = Math.min(600, Math.max(60, Math.round(place.clientWidth / 3)));
  const asked = await Promise.all([series, of].filter(Boolean).map((one) => numbers(one, since, points))).catch(() => [null]);
  if (!asked.at(-1)) { // a series that nothing was counted in is not there: no error among the requests
    place.replaceChildren(note("These numbers cannot be had now."));
    return;
  }
  const data = of ? shared(asked[0], asked[1]) : asked[0];
  const show = data.counts ? round : UNITS[unit] || round;
  if (!data.chart.length) {
    place.replaceChildren(note("No number in this time."));
    return;
  }
  const limits = JSON.parse(figure.dataset.limits || "[]");
  const marks = JSON.parse(figure.dataset.marks || "[]");
  const at = data.chart.map((one) => Date.parse(one.at) / 1000);
  const lines = linesOf(data, of);
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const before = drawn.get(figure);
  before?.chart.destroy();
  place.replaceChildren();
  const chart = new uPlot({
    width: place.clientWidth,
    height: place.clientHeight,
    padding: [10, 8, 0, 0],
    cursor: { sync: { key: "page" }, drag: { x: true, y: false }, points: { size: 6 } },
    legend: { show: false },
    scales: {
      x: { range: (u, from, to) => u.zoomed ? [from, to] : [Date.parse(data.begin) / 1000, Date.parse(data.end) / 1000] },
      y: { range: (u, low, high) => [Math.min(0, low), (high > 0 ? high : 1) * 1.08] },
    },
    series: [{}, ...lines.map(([name, text], index) => ({
      label: text, stroke: colour(name), width: index ? 1 : 1.75, spanGaps: false, points: { show: at.length < 3 },
      fill: index ? undefined : `color-mix(in srgb, ${colour(name)} 10%, transparent)`,
    }))],
    axes: [
      { ...axis, space: 80, size: 28, values: (u, ticks, index, space, step) => ticks.map((one) => moment(one, step)) },
      { ...axis, size: 62, values: (u, values) => values.map((one) => one === null ? "" : show(one)) },
    ],
    hooks: {
      draw: [overlay(limits, marks)],
      setSelect: [(u) => { u.zoomed = u.select.width > 0; }],
      setCursor: [(u) => {
        const index = u.cursor.idx;
        if (index === null || index === undefined) return legend(figure, lines.map(([name, text]) => [name, text]));
        const when = new Date(at[index] * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
        legend(figure, lines.map(([name, text, values]) => [name, `${text} ${values[index] === null ? "-" : show(values[index])} at ${when}`]));
      }],
    },
  }, [at, ...lines.map(([, , values]) => values)], place);
  chart.over.addEventListener("dblclick", () => { chart.zoomed = false; });
  chart.root.setAttribute("role", "img");
  chart.root.setAttribute("aria-label", `${series}: mean ${show(data.mean ?? 0)}, largest ${show(data.max ?? 0)} since ${new Date(data.begin).toLocaleString()}`);
  legend(figure, lines.map(([name, text]) => [name, text]));
  drawn.set(figure, { chart, place });
}

function note(text) {
  const line = document.createElement("p");
  line.className = "hint";
  line.textContent = text;
  return line;
}

const seen = new IntersectionObserver((entries) => {
  for (const one of entries) {
    if (one.isIntersecting) {
      seen.unobserve(one.target);
      draw(one.target);
    }
  }
}, { rootMargin: "200px" });

function all() {
  for (const figure of document.querySelectorAll("figure[data-series]")) {
    if (!drawn.has(figure)) seen.observe(figure);
  }
}

let turn = 0;
addEventListener("resize", () => {
  clearTimeout(turn);
  turn = setTimeout(() => {
    for (const { chart, place } of drawn.values()) chart.setSize({ width: place.clientWidth, height: place.clientHeight });
  }, 150);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const figure of drawn.keys()) draw(figure);
});

// New numbers are drawn with each refresh of the page, at most every ten seconds, and never into a zoom.
let newest = Date.now();
document.addEventListener("refreshed", () => {
  all();
  if (Date.now() - newest < 10000) return;
  newest = Date.now();
  for (const [figure, { chart }] of drawn) if (!chart.zoomed && figure.isConnected) draw(figure);
});
all();
