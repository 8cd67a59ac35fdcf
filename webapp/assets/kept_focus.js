// Where the keyboard goes when the part that had it is drawn anew or goes away, among the files and what is shown of one.
// The page would otherwise begin again at its top. The list of clients and the case look after themselves (case.js).
(function () {
  "use strict";

  // The id of what had the focus, and the id of the part of the page around it.
  let had = null;

  document.addEventListener("focusin", (event) => {
    const place = event.target.closest("#batches, #stage");
    const isOwn = event.target.closest("#clients, #case");
    had = place && !isOwn && event.target.id ? { place: place.id, id: event.target.id } : null;
  });
  // A click beside everything lets go of the focus on purpose.
  document.addEventListener("pointerdown", () => {
    had = null;
  });

  // The button itself if it was drawn anew; or else one of the same card, or what took its place. Of what is folded away,
  // the way to it.
  function nextTo({ place, id }) {
    const same = document.getElementById(id);
    if (same) return same;
    if (place === "stage") return document.querySelector("#stage h2");
    const name = JSON.parse(id).name;
    const buttons = [...document.querySelectorAll("#batches button")];
    const button = buttons.find((button) => JSON.parse(button.id).name === name);
    const folded = button && button.closest("details:not([open])");
    return button && !folded ? button : document.querySelector("#batches summary");
  }

  new MutationObserver(() => {
    if (!had || document.activeElement !== document.body) return;
    const next = nextTo(had);
    if (!next) return;
    if (next.matches("h2")) next.tabIndex = -1;
    next.focus();
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
