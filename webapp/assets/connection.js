// Notices within five seconds that the app is away, says so over the page, and takes it back when the app answers again.
// What is said is in pages/shell.py; here the page only gets or loses the class `cut-off`, and asks anew for what it shows.
(function () {
  "use strict";

  // Together well below five seconds, the longest that anybody should believe what is no longer so.
  const EVERY_MS = 1500;
  const PATIENCE_MS = 2000;
  const UPDATES = "/_dash-update-component";
  const HEALTH = "/health";
  // What a server says in place of an app that is not there, or has no room.
  const AWAY = [502, 503, 504];

  const CLOCK = ".n_intervals";
  // An answer that is under way for longer than that is not waited for.
  const LOST_MS = 10000;

  let isHealthy = true;
  let areUpdatesAnswered = true;
  let lastAnswer = new Date();
  // The rows that a table asked for in vain, by the table's id: it waits for them, and asks for no others before.
  const rowsWanting = new Map();
  const underWay = new Map();

  function show() {
    const isCutOff = !(isHealthy && areUpdatesAnswered);
    const root = document.documentElement;
    if (isCutOff === root.classList.contains("cut-off")) return;
    if (isCutOff) {
      const time = document.getElementById("last-answer");
      if (time) time.textContent = lastAnswer.toTimeString().slice(0, 5);
    } else {
      askAnew();
    }
    root.classList.toggle("cut-off", isCutOff);
  }

  function askHeader() {
    if (!window.dash_clientside || !window.dash_clientside.set_props) return;
    // Another number than it had, and one that a counter may have.
    window.dash_clientside.set_props("heartbeat", { n_intervals: Date.now() % 1e9 });
  }

  // The header, and what became of the file: a restart may lie in between.
  function askAnew() {
    askHeader();
    if (!window.dash_clientside || !window.dash_clientside.set_props) return;
    try {
      window.dash_clientside.set_props("tick", { disabled: false });
    } catch (error) {
      // Only a page that takes files has it.
    }
    rowsWanting.forEach((getRowsRequest, id) => window.dash_clientside.set_props(id, { getRowsRequest }));
  }

  function noteRows({ inputs = [] }, isAnswered) {
    const rows = inputs.find((input) => input.property === "getRowsRequest");
    if (!rows) return;
    if (isAnswered) rowsWanting.delete(rows.id);
    else rowsWanting.set(rows.id, rows.value);
  }

  async function look() {
    try {
      const answer = await plainFetch(HEALTH, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      isHealthy = answer.ok;
    } catch (error) {
      isHealthy = false;
    }
    if (isHealthy) lastAnswer = new Date();
    // An update that failed is made good only by one that is answered.
    if (isHealthy && !areUpdatesAnswered) askAnew();
    show();
  }

  // A page looks again and again, by its clock. Dash takes the answer to its latest request only: where an answer takes
  // longer than the clock none would ever come. Who looks again for the very same meanwhile gets the answer under way.
  async function ask(resource, options, update) {
    const what = update && lookedFor(update);
    if (!what) return plainFetch(resource, options);
    const before = underWay.get(what);
    const isFresh = before && Date.now() - before.since < LOST_MS;
    const asked = isFresh ? before : { since: Date.now(), answer: plainFetch(resource, options) };
    underWay.set(what, asked);
    try {
      return (await asked.answer).clone();
    } finally {
      if (underWay.get(what) === asked) underWay.delete(what);
    }
  }

  // What a request of the clock's asks for, whatever the clock says; nothing for one of somebody's own.
  function lookedFor(update) {
    const changed = update.changedPropIds || [];
    if (!changed.length || !changed.every((name) => name.endsWith(CLOCK))) return "";
    return JSON.stringify(update, (key, part) => (part && CLOCK === "." + part.property ? null : part));
  }

  // The page's own requests tell as well: what Dash makes of one that fails is seen by nobody.
  const plainFetch = window.fetch.bind(window);
  window.fetch = async function (resource, options) {
    const update = String(resource.url || resource).includes(UPDATES) ? JSON.parse(options.body) : null;
    try {
      const answer = await ask(resource, options, update);
      if (update) {
        areUpdatesAnswered = !AWAY.includes(answer.status);
        noteRows(update, areUpdatesAnswered);
      }
      // The session is over: what was scored is kept, and is there again after signing in.
      if (update && answer.status === 401) window.location.reload();
      else if (update && answer.status >= 400 && !AWAY.includes(answer.status)) sayWhy(answer.clone());
      return answer;
    } catch (error) {
      if (update && error.name !== "AbortError") {
        areUpdatesAnswered = false;
        noteRows(update, false);
      }
      throw error;
    } finally {
      if (update) show();
    }
  };

  // What was refused would otherwise look as if nothing had been asked for.
  async function sayWhy(refusal) {
    let why = "The app did not take that. Reload the page and try again.";
    try {
      why = (await refusal.json()).error.message;
    } catch (error) {
      // Not the app's own answer, but that of something before it.
    }
    window.dash_clientside.set_props("sending", { children: why });
  }

  async function lookForEver() {
    await look();
    window.setTimeout(lookForEver, EVERY_MS);
  }
  window.addEventListener("online", look);
  window.addEventListener("offline", look);
  // A browser lets the tabs that nobody sees ask once a minute only.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    look();
    askHeader();
  });
  lookForEver();
})();
