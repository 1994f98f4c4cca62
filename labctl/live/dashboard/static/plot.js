// A figure of paths: any curve in the order it was measured, so that a loop is drawn as a loop; zoomed by the server.
import uPlot from "./uplot.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const okabeIto = JSON.parse(document.querySelector('meta[name="colours"]').content);

/** The colour of the n-th curve; black is white in the dark. */
export function colour(number) {
  const found = okabeIto[number % okabeIto.length];
  if (!dark.matches) return found;
  return { "#000000": "#ffffff", "#0072B2": "#56B4E9", "#56B4E9": "#3d8fd1" }[found] ?? found;
}

/** Pieces [text, is italic, is below the line] as nodes, and a unit behind them. */
export function set(pieces, unit = "") {
  const whole = document.createDocumentFragment();
  for (const [text, isItalic, isBelow] of pieces) {
    let node = document.createTextNode(text);
    for (const [wanted, tag] of [[isItalic, "i"], [isBelow, "sub"]]) if (wanted) {
      const outer = document.createElement(tag);
      outer.append(node);
      node = outer;
    }
    whole.append(node);
  }
  if (unit) whole.append(` (${unit})`);
  return whole;
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Pieces of a line that are drawn at once: canvases take much longer for one line that crosses itself very often. */
const PIECE = 200;

export class Figure {
  /** `fetchWindow(window, width, height)` gives the curves in a part of the picture. */
  constructor(section, fetchWindow) {
    this.section = section;
    this.place = section.querySelector(".plot");
    this.fetchWindow = fetchWindow;
    this.series = [];
    this.hidden = new Set();
    this.window = null;
    this.withPoints = false;
    this.frame = null;
    new ResizeObserver(() => this.resize()).observe(this.place);
    dark.addEventListener("change", () => this.rebuild());
    this.place.addEventListener("keydown", (event) => this.key(event));
  }

  get width() { return Math.max(Math.round(this.place.clientWidth), 50); }
  get height() { return Math.max(Math.round(this.place.clientHeight), 50); }

  /** Take a whole picture from the server. */
  show(picture) {
    this.picture = picture;
    this.series = picture.series;
    this.bounds = this.series.some((one) => one.x.length) ? picture.bounds.slice() : [Infinity, -Infinity, Infinity, -Infinity];
    this.title(".x-title", picture.x);
    this.title(".y-title", picture.y);
    if (!this.plot || this.plot.series.length !== this.series.length + 1) this.rebuild();
    else this.draw();
    this.note();
    if (this.window) this.refine();
  }

  title(where, { symbol, unit }) {
    this.section.querySelector(where).replaceChildren(set(symbol, unit));
  }

  /** Add the points that came since. */
  append({ x, y }) {
    const last = this.series[0];
    if (!last) return;
    last.x = last.x.concat(x);
    last.y = last.y.concat(y);
    last.points += x.length;
    for (const [values, low] of [[x, 0], [y, 2]]) for (const value of values) {
      if (value === null) continue;
      this.bounds[low] = Math.min(this.bounds[low], value);
      this.bounds[low + 1] = Math.max(this.bounds[low + 1], value);
    }
    this.draw();
    this.note();
  }

  get edges() {
    if (this.window) return this.window;
    const edge = (low, high) => {
      if (low > high) return [0, 1];
      const margin = (high - low) * 0.04 || Math.abs(high) * 0.05 || 0.5;
      return [low - margin, high + margin];
    };
    return [...edge(this.bounds[0], this.bounds[1]), ...edge(this.bounds[2], this.bounds[3])];
  }

  draw() {
    if (!this.plot) return;
    this.plot.batch(() => {
      this.plot.setData([null, ...this.series.map((one) => [one.x, one.y])], false);
      this.look();
    });
  }

  look() {
    const [x0, x1, y0, y1] = this.edges;
    this.plot.setScale("x", { min: x0, max: x1 });
    this.plot.setScale("y", { min: y0, max: y1 });
  }

  note() {
    const points = this.series.reduce((sum, one) => sum + one.points, 0);
    const drawn = this.series.reduce((sum, one) => sum + one.x.length, 0);
    const error = Math.max(0, ...this.series.map((one) => one.error));
    this.section.querySelector(".plot-note").textContent =
      drawn < points ? `${points} points, drawn as ${drawn}: within ${error} pixel${error === 1 ? "" : "s"}` : `${points} points`;
    this.section.dataset.points = points;
    this.section.dataset.drawn = drawn;
  }

  rebuild() {
    if (!this.picture) return;
    this.plot?.destroy();
    const ink = style("--faint"), grid = style("--grid");
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: ink, width: 1, size: 5 }, font: "12px system-ui, sans-serif", values: (_plot, splits) => splits.map(label) };
    const fixed = { time: false, auto: false, range: (_plot, low, high) => [low, high] };
    this.plot = new uPlot({
      mode: 2,
      width: this.width,
      height: this.height,
      legend: { show: false },
      scales: { x: fixed, y: fixed },
      axes: [{ ...axis, space: (plot) => (plot.width < 450 ? 48 : 75), size: 30 }, { ...axis, space: 38, size: 54 }],
      padding: [10, 14, 4, 0],
      cursor: {
        drag: { x: true, y: true, setScale: false, dist: 6 },
        points: { size: 8 },
        dataIdx: (plot, number) => this.nearest(plot, number),
        bind: { dblclick: () => () => (this.zoomTo(null), null), mousedown: (plot, _target, handler) => (event) => (event.shiftKey || event.button ? this.grab(event) : handler(event), null) },
      },
      series: [null, ...this.series.map((one, number) => ({
        stroke: colour(number),
        width: 1.4,
        facets: [{ scale: "x", auto: false }, { scale: "y", auto: false }],
        points: { show: false },
        paths: (plot, place) => this.path(plot, place),
      }))],
      hooks: {
        setSelect: [(plot) => this.selected(plot)],
        setCursor: [(plot) => this.read(plot)],
      },
    }, [null, ...this.series.map((one) => [one.x, one.y])], this.place);
    this.plot.over.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.look();
    this.legend();
  }

  /** One curve, point after point in its order; nothing is sorted. */
  path(plot, number) {
    if (this.hidden.has(number - 1)) return null;
    uPlot.orient(plot, number, (series, xs, ys, sx, sy, toX, toY, left, top, width, height) => {
      const context = plot.ctx, ratio = devicePixelRatio;
      const a = width / (sx.max - sx.min), b = height / (sy.max - sy.min);
      const px = (value) => left + (value - sx.min) * a, py = (value) => top + height - (value - sy.min) * b;
      context.save();
      context.beginPath();
      context.rect(left, top, width, height);
      context.clip();
      context.strokeStyle = context.fillStyle = colour(number - 1);
      context.lineWidth = series.width * ratio;
      context.lineJoin = "bevel";
      context.beginPath();
      const edges = [left, left + width, top, top + height];
      let last = null, drawn = 0, joined = false;
      for (let i = 0; i < xs.length; i++) {
        if (xs[i] === null || ys[i] === null) { last = null; continue; }
        const next = [px(xs[i]), py(ys[i])];
        if (last && !isBeside(last, next, edges)) {
          if (drawn % PIECE === 0) { context.stroke(); context.beginPath(); }
          if (drawn % PIECE === 0 || !joined) context.moveTo(...last);
          context.lineTo(...next);
          joined = true;
          drawn++;
        } else joined = false;
        last = next;
      }
      context.stroke();
      if (this.withPoints || xs.length < 3) {
        context.beginPath();
        const size = 2.4 * ratio;
        for (let i = 0; i < xs.length; i++) {
          if (xs[i] === null || ys[i] === null) continue;
          const x = px(xs[i]), y = py(ys[i]);
          if (x < left || x > left + width) continue;
          context.moveTo(x + size, y);
          context.arc(x, y, size, 0, 2 * Math.PI);
        }
        context.fill();
      }
      context.restore();
    });
    return null;
  }

  /** The number of the point nearest to the pointer, on the screen; none farther than 30 pixels. */
  nearest(plot, number) {
    const { left, top } = plot.cursor;
    if (number === 0 || left < 0 || this.hidden.has(number - 1)) return null;
    const [xs, ys] = plot.data[number], sx = plot.scales.x, sy = plot.scales.y;
    const a = plot.over.clientWidth / (sx.max - sx.min), b = plot.over.clientHeight / (sy.max - sy.min);
    let best = 900, found = null;
    for (let i = 0; i < xs.length; i++) {
      if (xs[i] === null || ys[i] === null) continue;
      const dx = (xs[i] - sx.min) * a - left, dy = (sy.max - ys[i]) * b - top, distance = dx * dx + dy * dy;
      if (distance < best) { best = distance; found = i; }
    }
    return found;
  }

  read(plot) {
    const told = [];
    plot.cursor.idxs?.forEach((index, number) => {
      if (!number || index == null) return;
      told.push(`${short(plot.data[number][0][index])} ${this.picture.x.unit}, ${short(plot.data[number][1][index])} ${this.picture.y.unit}`);
    });
    this.section.querySelector(".readout").textContent = told.slice(0, 2).join("; ");
  }

  selected(plot) {
    const { left, top, width, height } = plot.select;
    if (width < 3 && height < 3) return;
    const whole = this.edges;
    const x = width < 3 ? whole.slice(0, 2) : [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    const y = height < 3 ? whole.slice(2) : [plot.posToVal(top + height, "y"), plot.posToVal(top, "y")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.zoomTo([...x, ...y]);
  }

  wheel(event) {
    event.preventDefault();
    const box = this.plot.over.getBoundingClientRect();
    this.zoom(Math.exp(Math.sign(event.deltaY) * 0.18), (event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
  }

  zoom(factor, atX = 0.5, atY = 0.5) {
    const [x0, x1, y0, y1] = this.edges;
    const cut = (low, high, at) => {
      const centre = low + (high - low) * at;
      return [centre - (centre - low) * factor, centre + (high - centre) * factor];
    };
    this.zoomTo([...cut(x0, x1, atX), ...cut(y0, y1, atY)]);
  }

  move(byX, byY) {
    const [x0, x1, y0, y1] = this.edges;
    const dx = (x1 - x0) * byX, dy = (y1 - y0) * byY;
    this.zoomTo([x0 + dx, x1 + dx, y0 + dy, y1 + dy]);
  }

  grab(event) {
    event.preventDefault();
    let { clientX, clientY } = event;
    const box = this.plot.over.getBoundingClientRect();
    const drag = (next) => {
      this.move((clientX - next.clientX) / box.width, (next.clientY - clientY) / box.height);
      ({ clientX, clientY } = next);
    };
    addEventListener("pointermove", drag);
    addEventListener("pointerup", () => removeEventListener("pointermove", drag), { once: true });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (step) this.move(...step);
    else if (event.key === "+" || event.key === "=") this.zoom(0.8);
    else if (event.key === "-") this.zoom(1.25);
    else if (event.key === "0") this.zoomTo(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Show a part of the picture with what is here, at once; finer points are fetched when it comes to rest. */
  zoomTo(window) {
    if (window && !(window[1] > window[0] && window[3] > window[2] && window.every(Number.isFinite))) return;
    this.window = window;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.plot) this.look();
    });
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.refine(), 150);
  }

  async refine() {
    const asked = this.window, request = (this.request = Symbol());
    const picture = await this.fetchWindow(asked, this.width, this.height);
    if (!picture || request !== this.request || asked !== this.window) return;
    this.series = picture.series;
    this.bounds = picture.bounds.slice();
    this.draw();
    this.note();
  }

  resize() {
    if (this.plot && this.place.clientWidth) this.plot.setSize({ width: this.width, height: this.height });
  }

  legend() {
    const place = this.section.querySelector(".legend");
    if (this.series.length < 2) return place.replaceChildren();
    place.replaceChildren(...this.series.map((one, number) => {
      const button = document.createElement("button"), line = document.createElement("span");
      button.type = "button";
      line.className = "line";
      line.style.borderColor = colour(number);
      button.append(line, set(one.label));
      button.setAttribute("aria-pressed", String(!this.hidden.has(number)));
      button.addEventListener("click", () => {
        this.hidden.has(number) ? this.hidden.delete(number) : this.hidden.add(number);
        button.setAttribute("aria-pressed", String(!this.hidden.has(number)));
        this.plot.redraw();
      });
      return button;
    }));
  }
}

/** True where a piece of the line is wholly to one side of the picture. */
function isBeside([ax, ay], [bx, by], [left, right, top, bottom]) {
  return (ax < left && bx < left) || (ax > right && bx > right) || (ay < top && by < top) || (ay > bottom && by > bottom);
}

/** A number at an axis; its sign is as long as a plus. */
function label(value) {
  return value === null ? "" : Number(value.toPrecision(10)).toString().replace("-", "−");
}

function short(value) {
  return Number(value.toPrecision(6)).toString();
}
