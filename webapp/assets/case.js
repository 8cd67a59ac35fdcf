// The keys and the focus of the case review. Which client is chosen is the grid's own; the case follows it.
// From 1024 px on the case stands beside the list; below, it is a page of its own with a way back.
(function () {
  "use strict";

  const WIDE = window.matchMedia("(min-width: 1024px)");
  const byId = (id) => document.getElementById(id);
  const review = () => document.querySelector(".review");
  const isInCase = () => Boolean(document.activeElement && document.activeElement.closest("#case"));
  // Whether the file that the list shows is one whose case was opened, or left to be chosen.
  let greeted = null;

  function grid() {
    try {
      return byId("clients") ? window.dash_ag_grid.getApi("clients") : null;
    } catch (error) {
      return null; // it is about to be drawn
    }
  }

  function chosen(api) {
    return api.getSelectedNodes().find((node) => node.rowIndex !== null) || null;
  }

  function focusRow(api, index) {
    api.ensureIndexVisible(index);
    api.setFocusedCell(index, "client");
  }

  function focusList(api) {
    const node = chosen(api);
    if (!api.getDisplayedRowCount()) return false;
    focusRow(api, node ? node.rowIndex : 0);
    return true;
  }

  function step(by) {
    const api = grid();
    if (!api) return;
    const node = chosen(api);
    const wanted = node ? node.rowIndex + by : 0;
    const index = Math.min(Math.max(wanted, 0), api.getDisplayedRowCount() - 1);
    const next = api.getDisplayedRowAtIndex(index);
    if (isInCase()) {
      // Who reads the cases one after the other stays among them.
      if (next && next.data) next.setSelected(true, true);
      api.ensureIndexVisible(index);
      focusCase();
    } else {
      focusRow(api, index);
    }
  }

  function focusCase() {
    // The case may be on its way: it has the focus where its name will stand.
    const title = byId("case-title");
    if (title) title.focus({ preventScroll: true });
  }

  function enterCase() {
    if (!review()) return;
    review().classList.add("in-case");
    focusCase();
  }

  function leaveCase() {
    if (!review()) return;
    review().classList.remove("in-case");
    const api = grid();
    if (api) focusList(api);
  }

  // The first clients of a file are there: the eye goes to them, and to the case if there is but one.
  function arrived(api) {
    const shown = byId("clients");
    if (greeted === shown) return;
    greeted = shown;
    const isFree = document.activeElement === document.body || document.activeElement.closest("#drop");
    if (api.getDisplayedRowCount() === 1) wait(() => byId("case-title"), enterCase);
    else if (isFree && WIDE.matches) focusList(api);
  }

  function wait(found, then, left = 60) {
    if (found()) then();
    else if (left) window.setTimeout(() => wait(found, then, left - 1), 50);
  }

  // A new case took the place of the one that had the focus.
  let hadFocus = false;
  document.addEventListener("focusin", () => {
    hadFocus = isInCase();
  });
  // Whose case it is: another client's begins at its top, with the name and the verdict in sight.
  let whose = "";
  new MutationObserver(() => {
    if (hadFocus && document.activeElement === document.body) focusCase();
    const title = byId("case-title");
    if (title && title.textContent !== whose) {
      whose = title.textContent;
      byId("case").scrollTop = 0;
    }
  }).observe(document.documentElement, { childList: true, characterData: true, subtree: true });

  function copyLetter() {
    const letter = byId("letter");
    const say = (text) => {
      byId("copied").textContent = text;
    };
    const done = () => say("Copied.");
    const byHand = () => {
      // Where the browser gives no clipboard, as outside of https: the old way, with a field of its own.
      const field = document.createElement("textarea");
      field.value = letter.textContent;
      field.style.position = "fixed";
      document.body.append(field);
      field.select();
      const isCopied = document.execCommand("copy");
      field.remove();
      byId("copy-letter").focus();
      say(isCopied ? "Copied." : "The browser does not let the page copy.");
    };
    if (navigator.clipboard) navigator.clipboard.writeText(letter.textContent).then(done, byHand);
    else byHand();
  }

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest && event.target.closest(selector);
    if (on("#back")) leaveCase();
    else if (on("#copy-letter")) copyLetter();
    else if (on(".chip")) byId("case-answer").scrollIntoView({ block: "nearest" });
    else if (on("#show-keys")) byId("keys").showModal();
    else if (on("#close-keys")) byId("keys").close();
    else if (on("#clients [row-id]") && !WIDE.matches) enterCase();
  });

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => byId("seek").focus(),
    "?": () => byId("keys").showModal(),
    1: () => byId("clients") && document.querySelectorAll(".tile")[0].click(),
    2: () => byId("clients") && document.querySelectorAll(".tile")[1].click(),
    3: () => byId("clients") && document.querySelectorAll(".tile")[2].click(),
  };

  function onKey(event) {
    if (!review() || event.ctrlKey || event.altKey || event.metaKey || byId("keys").open) return;
    const target = event.target;
    const isSeek = target.id === "seek";
    if (target.matches("input, textarea, select, [contenteditable]") && !(isSeek && /^(Escape|Enter)$/.test(event.key))) {
      return;
    }
    const isInList = isSeek || Boolean(target.closest("#clients"));
    if (event.key === "Escape") {
      leaveCase();
    } else if (event.key === "Enter" && isInList) {
      if (isSeek) leaveCase();
      else enterCase();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && isInCase()) {
      return; // they scroll the case
    } else {
      const act = KEYS[event.key.toLowerCase()];
      if (!act) return;
      act();
    }
    event.preventDefault();
    event.stopPropagation();
  }
  // Before the grid, to which Enter and letters mean other things.
  document.addEventListener("keydown", onKey, true);

  window.caseReview = { arrived, focusList };
})();
