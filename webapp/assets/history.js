// Brings a client that was asked for into view, and downloads what is kept of a person. The number goes into the body of a request; a form of its own would say of where
// it comes from nothing that the app could trust, as the app's pages send no referrer.
(function () {
  "use strict";

  const say = (text) => window.dash_clientside.set_props("sending", { children: text });

  async function download(form) {
    const button = form.querySelector("button");
    say("Collecting everything about this person.");
    const response = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams({ [button.name]: button.value }),
    });
    if (!response.ok) {
      const answer = await response.json().catch(() => null);
      say((answer && answer.error && answer.error.message) || "Nothing was downloaded. Please try again.");
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = "what-the-decision-log-holds.json";
    link.click();
    URL.revokeObjectURL(link.href);
    say("Downloaded: what-the-decision-log-holds.json.");
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.past = {
    // The entry that another page asked for, once.
    askedEntry: function () {
      const entry = sessionStorage.getItem("entry");
      sessionStorage.removeItem("entry");
      return entry ? Number(entry) : window.dash_clientside.no_update;
    },
    // What the list is narrowed down to, and which buttons are pressed: of each line one at most.
    narrow: function (_clicks, day, pressed, ids) {
      const { triggered, triggered_id: clicked } = window.dash_clientside.callback_context;
      const only = {};
      ids.forEach((id, place) => {
        if (pressed[place] === "true") only[id.only] = id.value;
      });
      if (clicked && clicked.only && triggered[0].value) {
        const isTakenBack = only[clicked.only] === clicked.value;
        if (isTakenBack) delete only[clicked.only];
        else only[clicked.only] = clicked.value;
      }
      const nowPressed = ids.map((id) => String(only[id.only] === id.value));
      if (day && day.trim()) only.when = day.trim();
      const rule = (value) => ({ filterType: "text", type: "equals", filter: value });
      return [Object.fromEntries(Object.entries(only).map(([name, value]) => [name, rule(value)])), nowPressed];
    },
    turn: (clicks, pressed) => (clicks ? String(pressed !== "true") : window.dash_clientside.no_update),
    toClient: function (shown) {
      if (!shown) return;
      requestAnimationFrame(() => {
        const client = document.getElementById("client");
        client.scrollIntoView({ block: "start" });
        client.focus({ preventScroll: true });
      });
    },
  };

  document.addEventListener("submit", (event) => {
    if (!event.target.closest(".history-page")) return;
    event.preventDefault();
    download(event.target).catch(() => say("The app does not answer. Nothing was downloaded."));
  });
})();
