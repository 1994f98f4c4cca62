// The line to the server: events as they come, parts of pages made new, and what is said to people who do not see.

const link = document.querySelector("#link");

export function announce(text) {
  document.querySelector("#announce").textContent = text;
}

/** The token that a page of the present server has: it changes when the server is begun anew. */
let stopToken = document.querySelector('meta[name="stop-token"]').content;
export const stopTokenNow = () => stopToken;

/** A page as a document; null where the server is gone: the page stays as it is until it is back. */
export async function fetchPage(address) {
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null;
  }
}

/** Put the parts that keep themselves up to date in the place of the old ones. */
export function replaceParts(found) {
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const next = found.getElementById(part.id);
    if (next && next.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(next));
  }
}

/**
 * Hear what happens at `address`. A browser has six connections to a server: a page that nobody looks at gives its
 * own back. Where the server is gone it is tried again and again, and begins with all there is.
 */
export function listen(address, handlers) {
  let source = null, timer = null, over = false;
  const open = () => {
    if (source || over || document.hidden) return;
    source = new EventSource(typeof address === "function" ? address() : address);
    source.addEventListener("open", () => show(true));
    source.addEventListener("error", () => {
      if (over) return;
      show(false);
      if (source?.readyState === EventSource.CLOSED) { close(); timer = setTimeout(open, 1000); }
    });
    source.addEventListener("hello", (event) => {
      stopToken = JSON.parse(event.data).stop_token;
      handlers.hello?.(JSON.parse(event.data));
    });
    for (const [name, handler] of Object.entries(handlers)) {
      if (name !== "hello") source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
    }
  };
  const close = () => { clearTimeout(timer); source?.close(); source = null; };
  const show = (there) => {
    link.textContent = there ? "live" : "server gone, trying again";
    link.classList.toggle("lost", !there);
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
  return {
    again: () => { close(); open(); },
    end: () => { over = true; close(); link.textContent = ""; },
  };
}

/** How far a run is: its bar, its rows, the time that is left. */
export function showProgress(place, { rows: done, expected, left }) {
  const bar = place.querySelector("progress");
  if (!bar) return;
  if (expected) { bar.max = expected; bar.value = done; } else bar.removeAttribute("value");
  place.querySelector(".left").textContent = expected ? `${done} of ${expected}${left === null ? "" : `, ${span(left)} left`}` : `${done} rows`;
  const count = place.querySelector("td.rows");
  if (count) count.textContent = done;
}

function span(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
