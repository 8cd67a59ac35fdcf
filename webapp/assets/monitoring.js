// What was asked for by a click on a report comes into sight, and the focus goes there with it.
(function () {
  "use strict";

  let last = null;

  new MutationObserver(function () {
    const main = document.querySelector(".monitoring-page");
    if (!main) return;
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
