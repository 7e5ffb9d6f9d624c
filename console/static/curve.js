// Draws the throughput from the table beside it, which has all there is to know.

const HEIGHT = 200;
const place = document.getElementById("drawing");
let plot = null;

/** A colour as it is now: a canvas knows no variables. */
function colour(property) {
  const probe = document.createElement("i");
  probe.className = `ink-${property}`;
  place.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Moments, and members and errors a second; the drawing is empty where nothing was sent. */
function read() {
  const table = document.getElementById("curve");
  const seconds = Number(table.dataset.seconds);
  const columns = [[], [], []];
  for (const { cells } of table.querySelectorAll("tbody tr")) {
    const rate = (cell) => Number(cell.textContent.replace(/\s/g, "")) / seconds;
    columns[0].push(Date.parse(cells[0].firstElementChild.dateTime) / 1000);
    columns[1].push(rate(cells[1]));
    columns[2].push(rate(cells[3]));
  }
  return columns;
}

function clock(moment, index, all) {
  const at = new Date(moment * 1000);
  const isLong = all.at(-1) - all[0] > 86_400;
  const isShort = all.at(-1) - all[0] < 600;
  if (isLong) return at.toLocaleString(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  return at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", ...(isShort ? { second: "2-digit" } : {}) });
}

/** As the page has numbers everywhere: thin spaces between thousands. */
function number(rate) {
  return rate.toLocaleString("en").replaceAll(",", "\u202f");
}

function options(hasErrors) {
  const soft = colour("soft");
  const line = colour("line");
  const axis = { stroke: soft, font: "12px system-ui", grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    axes: [{ ...axis, grid: { show: false }, space: 90, size: 30, values: (_, moments) => moments.map(clock) }, { ...axis, size: 56, values: (_, rates) => rates.map(number) }, { ...axis, stroke: colour("bad"), show: hasErrors, scale: "errors", side: 1, size: 44, grid: { show: false } }],
    scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] }, errors: { range: (_, __, most) => [0, Math.max(most * 3, 1)] } },
    series: [
      {},
      { stroke: colour("accent"), fill: colour("wash"), width: 2, points: { show: false } },
      { show: hasErrors, stroke: colour("bad"), width: 1, scale: "errors", points: { show: false } },
    ],
  };
}

function draw() {
  const columns = read();
  const hasErrors = columns[2].some((rate) => rate > 0);
  place.hidden = columns[0].length < 2;
  if (place.hidden) return;
  if (plot && plot.axes[2].show === hasErrors) return plot.setData(columns);
  plot?.destroy();
  plot = new uPlot(options(hasErrors), columns, place);
}

function anew() {
  plot?.destroy();
  plot = null;
  draw();
}

new MutationObserver(draw).observe(document.getElementById("curve"), { subtree: true, childList: true, characterData: true });
new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew);
draw();
