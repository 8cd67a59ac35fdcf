// What was asked for by a click on a report comes into sight, and the focus goes there with it. A button that is drawn
// anew while it has the focus keeps it.
(function () {
  "use strict";

  let last = null;
  let focused = null;

  document.addEventListener("focusin", (event) => {
    focused = event.target;
  });
  // Whoever clicks beside everything has taken the focus away.
  document.addEventListener("pointerdown", () => {
    focused = null;
  });

  function keepFocus() {
    if (!focused || !focused.id || focused.isConnected || document.activeElement !== document.body) return;
    const anew = document.getElementById(focused.id);
    if (anew) anew.focus({ preventScroll: true });
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.monitoring = {
    // Of the buttons of one line, the one that was pressed last.
    choose: function (_clicks, ids) {
      const { triggered, triggered_id: chosen } = window.dash_clientside.callback_context;
      if (!chosen || !triggered[0].value) return ids.map(() => window.dash_clientside.no_update);
      return ids.map((id) => String(id.value === chosen.value));
    },
  };

  new MutationObserver(function () {
    const main = document.querySelector(".monitoring-page");
    if (!main) return;
    keepFocus();
    for (const heading of main.querySelectorAll("h2[tabindex='-1'], h3[tabindex='-1']")) {
      if (heading.dataset.isSeen === heading.textContent) continue;
      heading.dataset.isSeen = heading.textContent;
      last = heading;
    }
    if (!last || !last.isConnected) return;
    last.focus({ preventScroll: true });
    last.scrollIntoView({ block: "start" });
    last = null;
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true });
})();
