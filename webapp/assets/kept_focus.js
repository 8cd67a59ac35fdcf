// Where the keyboard goes when the part that had it is drawn anew or goes away, among the files and what is shown of one.
// The page would otherwise begin again at its top. The list of clients and the case look after themselves (case.js).
(function () {
  "use strict";

  const cards = () => [...document.querySelectorAll("#batches [role=listitem]")];

  // The id of what had the focus, the id of the part of the page around it, and how many files were listed then.
  let had = null;

  document.addEventListener("focusin", (event) => {
    const place = event.target.closest("#batches, #stage");
    const isOwn = event.target.closest("#clients, #case");
    had = place && !isOwn && event.target.id ? { place: place.id, id: event.target.id, n: cards().length } : null;
  });
  // A click beside everything lets go of the focus on purpose.
  document.addEventListener("pointerdown", () => {
    had = null;
  });

  // The name of the file whose button has an id.
  const nameOf = (id) => JSON.parse(id).name;

  // The button itself if it was drawn anew; or else one of the same card, or what took its place. Of what is folded away,
  // the way to it.
  function nextTo({ place, id, n }) {
    const same = document.getElementById(id);
    if (same) return same;
    if (place === "stage") return document.querySelector("#stage h2");
    // Behind "Show all", the first file that it showed.
    const buttonsOf = (card) => [...card.querySelectorAll("button")];
    const button =
      id === "all-batches"
        ? cards().slice(n).flatMap(buttonsOf)[0]
        : cards().flatMap(buttonsOf).find((button) => nameOf(button.id) === nameOf(id));
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
