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
