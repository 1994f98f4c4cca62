// One run, or several on common axes: the figure, the run as it goes on, its wire, and the Stop button.
import { announce, fetchPage, listen, replaceParts, showProgress, stopTokenNow } from "./line.js";
import { Figure, set } from "./plot.js";

const one = (selector) => document.querySelector(selector);

function startFigure() {
  const section = one("section.figure"), runs = JSON.parse(section.dataset.runs);
  const chosen = (name) => section.querySelector(`[name=${name}]`)?.value ?? "";
  const address = (path, window, width, height) => {
    const asked = new URLSearchParams({ x: chosen("x"), y: chosen("y"), apart: chosen("apart"), width, height });
    if (window) ["x0", "x1", "y0", "y1"].forEach((name, number) => asked.set(name, window[number]));
    return `${path}?${runs.map((run) => `run=${run}`).join("&")}&${asked}`;
  };
  const figure = new Figure(section, async (window, width, height) => {
    try {
      const answer = await fetch(address("/api/curves", window, width, height));
      const found = await answer.json();
      if (answer.ok) return found;
      section.querySelector(".plot-note").textContent = found.error;
    } catch { /* the server is gone: what is drawn stays */ }
    return null;
  });
  const load = async () => {
    const found = await figure.fetchWindow(null, figure.width, figure.height);
    if (found) figure.show(found);
  };
  section.addEventListener("change", (event) => {
    if (event.target.name === "points") { figure.withPoints = event.target.checked; figure.plot?.redraw(); return; }
    figure.window = null;
    figure.changed();
  });
  section.querySelector("[name=all]").addEventListener("click", () => figure.zoomTo(null));
  figure.changed = load;
  return { figure, load, address: () => address("/events", null, figure.width, figure.height) };
}

export function startOverlay() {
  startFigure().load();
}

export function startRun() {
  const { figure, load, address } = startFigure();
  startWire();
  document.querySelector("#main").addEventListener("click", (event) => { if (event.target.id === "stop") askToStop(); });
  if (one("#head").dataset.status !== "running") { load(); return; }
  const line = listen(address, {
    hello: () => { shown = 0; },
    curve: (told) => figure.show(told),
    rows: (told) => figure.append(told),
    progress: (told) => { showProgress(one("#head"), told); showLast(told.last); },
    log: (told) => addLog(told),
    status: (told) => (told.is_over ? end(told) : null),
  });
  figure.changed = () => line.again();

  async function end(told) {
    line.end();
    announce(`The run has ended: ${told.status} ${told.reason}`);
    figure.changed = load;
    await load();
    for (let attempt = 0; attempt < 20; attempt++) {
      const found = await fetchPage(location.href);
      if (found?.querySelector("#head")?.dataset.status !== "running" && found?.querySelector("#head")) {
        replaceParts(found);
        one("#pictures").hidden = !one("#pictures img");
        one("#wire-size").textContent = found.querySelector("#wire-size").textContent;
        one("#wire-form").hidden = found.querySelector("#wire-form").hidden;
        return;
      }
      await new Promise((done) => setTimeout(done, 500));
    }
  }
}

function showLast(last) {
  const section = one("#readings");
  section.hidden = !last.length;
  section.querySelector("dl").replaceChildren(...last.map(([parts, text]) => {
    const pair = document.createElement("div"), name = document.createElement("dt"), value = document.createElement("dd");
    name.append(set(parts));
    value.textContent = text;
    pair.append(name, value);
    return pair;
  }));
}

let shown = 0;

/** The stream begins with the last lines of the log, and may begin again. */
function addLog(lines) {
  const body = one("#log tbody");
  if (!shown) body.replaceChildren();
  shown += lines.length;
  body.append(...lines.map(([time, level, text]) => line([time, level, text], level)));
}

function line(cells, kind) {
  const row = document.createElement("tr");
  row.className = kind;
  row.append(...cells.map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  }));
  return row;
}

function startWire() {
  const form = one("#wire-form"), body = one("#wire tbody"), pages = one("#wire-pages");
  let page = 1, last = 1;
  const show = async () => {
    const asked = new URLSearchParams(new FormData(form));
    const answer = await fetch(`/api/wire?run=${one("#head").dataset.run}&page=${page}&${asked}`);
    const found = await answer.json();
    if (!answer.ok) { one("#wire-size").textContent = found.error; return; }
    [page, last] = [found.page, found.pages];
    const select = form.elements.instrument;
    if (select.options.length === 1) select.append(...found.instruments.map((name) => new Option(name, name)));
    body.replaceChildren(...found.lines.map(([time, instrument, direction, text]) => line([`${time} s`, `${instrument} ${direction === "say" ? "←" : "→"}`, text], direction)));
    pages.hidden = found.pages < 2;
    pages.querySelector("span").textContent = `${found.total} lines, page ${page} of ${last}`;
    pages.querySelector("[name=earlier]").disabled = page <= 1;
    pages.querySelector("[name=later]").disabled = page >= last;
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); page = 1; show(); });
  form.elements.instrument.addEventListener("change", () => { page = 1; show(); });
  pages.addEventListener("click", (event) => {
    if (event.target.name) { page += event.target.name === "later" ? 1 : -1; show(); }
  });
}

function askToStop() {
  const dialog = one("#stop-dialog"), told = dialog.querySelector(".outcome"), button = one("#stop-now");
  told.textContent = "";
  dialog.querySelector("[value=no]").textContent = "Let it go on";
  button.disabled = false;
  button.onclick = async () => {
    button.disabled = true;
    dialog.querySelector("[value=no]").textContent = "Close";
    told.textContent = "Asked to stop; the station is being parked …";
    try {
      const answer = await fetch(`/stop?run=${one("#head").dataset.run}`, { method: "POST", headers: { "x-labctl-stop": stopTokenNow() } });
      const found = await answer.json();
      told.textContent = found.error ?? (found.err || "Stopped: " + JSON.parse(found.out).how + ".");
      if (answer.ok && !found.status) setTimeout(() => dialog.close(), 1500);
    } catch {
      told.textContent = "The server did not answer. Stop the run at the bench: labctl stop.";
    }
  };
  dialog.showModal();
}
