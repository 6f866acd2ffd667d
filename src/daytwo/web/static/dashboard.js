// Keeps an open page true: the server tells what has changed, the page is asked for anew, and only parts that differ are
// put in. Nothing here is needed to use the page.

const body = document.body;
const topics = (body.dataset.topics || "").split(" ").filter(Boolean);
let stamps = JSON.parse(body.dataset.stamps || "{}");
let source = null;
let timer = 0;
let last = 0;
const APART = 1000; // milliseconds between two refreshes

const units = [[86400, "d"], [3600, "h"], [60, "min"]];

function length(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  const [step, unit] = units.find(([size]) => seconds >= size);
  const whole = Math.floor(seconds / step);
  const rest = Math.floor((seconds - whole * step) / (step === 86400 ? 3600 : 60));
  const fine = rest && (unit === "h" ? whole < 6 : whole < 3);
  return `${whole} ${unit}${fine ? ` ${rest} ${unit === "d" ? "h" : "min"}` : ""}`;
}

// Ages go on while nothing else changes.
function tick() {
  const now = Date.now();
  for (const one of document.querySelectorAll("time[data-ago], time[data-lasts]")) {
    const away = (now - Date.parse(one.dateTime)) / 1000;
    const text = "lasts" in one.dataset ? length(Math.max(0, away))
      : Math.abs(away) < 1 ? "just now" : away >= 0 ? `${length(away)} ago` : `in ${length(-away)}`;
    if (one.textContent !== text) one.textContent = text;
  }
}

function told(offline) {
  const line = document.getElementById("offline");
  if (line && line.hidden === offline) line.hidden = !offline;
}

const given = new WeakMap(); // what the server gave for a part, before this script touched it
const parts = (root) => [...root.querySelectorAll("[data-live][id]")];
for (const one of parts(document)) given.set(one, one.outerHTML);

function put(fresh) {
  const focused = document.activeElement && document.activeElement.id;
  const open = [...document.querySelectorAll("details[id][open]")].map((one) => one.id);
  for (const next of parts(fresh)) {
    const old = document.getElementById(next.id);
    if (!old || given.get(old) === next.outerHTML) continue;
    if (old.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) continue;
    const text = next.outerHTML;
    const made = document.adoptNode(next);
    if (old.getAttribute("role") === "status") {
      // A live region is heard when its content changes, not when it is another one.
      for (const { name } of [...old.attributes]) old.removeAttribute(name);
      for (const { name, value } of made.attributes) old.setAttribute(name, value);
      old.replaceChildren(...made.childNodes);
      given.set(old, text);
    } else {
      old.replaceWith(made);
      given.set(made, text);
    }
  }
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused && document.activeElement === body) document.getElementById(focused)?.focus({ preventScroll: true });
  if (fresh.title) document.title = fresh.title;
  stamps = JSON.parse(fresh.body.dataset.stamps || "{}");
  tick();
  document.dispatchEvent(new CustomEvent("refreshed"));
}

async function refresh() {
  timer = 0;
  last = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.redirected && new URL(answer.url).pathname === "/login") return location.reload();
    if (!answer.ok) return told(answer.status >= 500);
    put(new DOMParser().parseFromString(await answer.text(), "text/html"));
    told(false);
  } catch {
    told(true);
  }
}

function soon() {
  if (!timer) timer = setTimeout(refresh, Math.max(0, last + APART - Date.now()));
}

function listen() {
  if (source || !topics.length || document.hidden) return;
  source = new EventSource("/live");
  source.addEventListener("stamps", (event) => {
    told(false);
    const now = JSON.parse(event.data);
    if (topics.some((topic) => topic in now && now[topic] !== stamps[topic])) soon();
  });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) { // the session may have ended, or too many look: ask without the line
      source = null;
      setTimeout(() => { refresh().then(listen); }, 5000);
    } else {
      told(true);
    }
  };
}

// A page that nobody sees holds no line: browsers have six to a server.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else {
    listen();
  }
});
addEventListener("pagehide", () => source?.close());

document.addEventListener("click", (event) => {
  const more = document.getElementById("more");
  if (more?.open && !more.contains(event.target)) more.open = false;
});
document.addEventListener("keydown", (event) => {
  const more = document.getElementById("more");
  if (event.key === "Escape" && more?.open) {
    more.open = false;
    more.querySelector("summary").focus();
  }
});

// Progress of runs comes faster than pages are made.
for (const one of document.querySelectorAll("[data-run-events]")) {
  const line = new EventSource(one.dataset.runEvents);
  const on = () => { if (Date.now() - last > APART / 2) soon(); };
  line.addEventListener("progress", on);
  line.addEventListener("note", on);
  line.addEventListener("end", () => { line.close(); soon(); });
  addEventListener("pagehide", () => line.close());
}

tick();
setInterval(tick, 10000);
listen();
