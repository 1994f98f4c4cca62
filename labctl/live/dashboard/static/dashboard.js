// What all pages share: keys, help, the list that keeps itself up to date, and the line to the server.
import { startOverlay, startRun } from "./run.js";
import { announce, fetchPage, listen, replaceParts, showProgress } from "./line.js";

const page = document.body.dataset.page;
const one = (selector) => document.querySelector(selector);
const help = one("#help");

one("#help-button").addEventListener("click", () => help.showModal());
addEventListener("keydown", key);

if (page === "runs") startList();
if (page === "station") startStation();
if (page === "run") startRun();
if (page === "overlay") startOverlay();

function isTyping(target) {
  return target.matches?.("input[type=search], textarea, select");
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
  const typing = isTyping(event.target);
  if (event.key === "Escape") {
    if (typing) return leave(event.target);
    if (page !== "runs") location.href = "/";
    else if (one(".search input[name=q]").value) { one(".search input[name=q]").value = ""; search(); }
    return;
  }
  if (typing) {
    if (event.key === "ArrowDown" && page === "runs") { event.preventDefault(); step(1); }
    return;
  }
  if (event.key === "?") help.showModal();
  else if (event.key === "/") {
    if (page !== "runs") location.href = "/?find";
    else one(".search input[name=q]").focus();
  } else if (page === "runs") return listKey(event);
  else return;
  event.preventDefault();
}

function leave(input) {
  if (input.value && page === "runs" && input.matches("input")) { input.value = ""; search(); }
  else input.blur();
}

// --- the list -------------------------------------------------------------------------------------

const rows = () => [...document.querySelectorAll(".runs tbody tr[tabindex]")];
const marked = new Set();
let waiting;

function listKey(event) {
  const row = event.target.closest?.(".runs tbody tr");
  if (event.key === "ArrowDown" || event.key === "j") step(1);
  else if (event.key === "ArrowUp" || event.key === "k") step(-1);
  else if (event.key === "Home") rows()[0]?.focus();
  else if (event.key === "End") rows().at(-1)?.focus();
  else if (event.key === "Enter" && row && event.target === row) location.href = `/run?run=${row.dataset.run}`;
  else if (event.key === "x" && row) mark(row.dataset.run);
  else if (event.key === "o") overlay();
  else return;
  event.preventDefault();
}

function step(by) {
  const all = rows(), now = all.indexOf(document.activeElement?.closest?.("tr"));
  const next = now < 0 ? (by > 0 ? 0 : all.length - 1) : now + by;
  if (next < 0) one(".search input[name=q]").focus();
  else all[Math.min(next, all.length - 1)]?.focus();
}

function mark(run) {
  marked.has(run) ? marked.delete(run) : marked.add(run);
  showMarks();
}

function showMarks() {
  for (const box of document.querySelectorAll(".mark input")) box.checked = marked.has(box.value);
  const button = one("#overlay");
  if (!button) return;
  button.disabled = marked.size < 2;
  button.textContent = marked.size ? `Overlay ${marked.size}` : "Overlay";
}

function overlay() {
  if (marked.size > 1) location.href = `/overlay?${[...marked].map((run) => `run=${run}`).join("&")}`;
}

async function search(push = true) {
  const form = one(".search"), asked = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...asked]) if (!value) asked.delete(name);
  const address = asked.size ? `/?${asked}` : "/";
  if (push) history.replaceState(null, "", address);
  await refresh(address);
}

async function refresh(address = location.href) {
  const found = await fetchPage(address);
  if (!found) return;
  const here = document.activeElement?.closest?.("tr")?.dataset.run;
  replaceParts(found);
  if (here) rows().find((row) => row.dataset.run === here)?.focus({ preventScroll: true });
  showMarks();
  showRunning();
}

let running = {};

function showRunning() {
  for (const [name, told] of Object.entries(running)) {
    const row = rows().find((each) => each.dataset.run === name);
    if (row) showProgress(row, told);
  }
}

function startList() {
  const form = one(".search");
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 250); });
  one("#list").parentElement.addEventListener("click", (event) => {
    if (event.target.matches(".mark input")) return mark(event.target.value);
    if (event.target.closest("#overlay")) return overlay();
    const row = event.target.closest(".runs tbody tr[tabindex]");
    if (row && !event.target.closest("a, input, button") && !String(getSelection())) location.href = `/run?run=${row.dataset.run}`;
  });
  if (location.search === "?find") { history.replaceState(null, "", "/"); one(".search input[name=q]").focus(); }
  let sign = null, names = "";
  listen("/events", {
    hello: () => { if (sign !== null) refresh(); },
    folder: (told) => {
      running = told.running;
      const now = Object.keys(running).sort().join("\n");
      if (sign !== null && (sign !== told.sign || names !== now)) {
        refresh();
        if (names !== now) announce(`${Object.keys(running).length} runs go on`);
      }
      [sign, names] = [told.sign, now];
      showRunning();
    },
  });
}

// --- the station ----------------------------------------------------------------------------------

function startStation() {
  const again = async () => {
    const open = [...document.querySelectorAll("#going-on details")].map((each) => each.open);
    const found = await fetchPage(location.href);
    if (!found) return;
    replaceParts(found);
    document.querySelectorAll("#going-on details").forEach((each, number) => { each.open = open[number] ?? false; });
  };
  listen("/events", { folder: again });
}
