// The keys and the focus of the case review. Which client is chosen is the grid's own; the case follows it.
// From 1024 px on the case stands beside the list; below, it is a page of its own with a way back.
(function () {
  "use strict";

  const WIDE = window.matchMedia("(min-width: 1024px)");
  const byId = (id) => document.getElementById(id);
  const review = () => document.querySelector(".review");
  const isIn = (place) => Boolean(document.activeElement && document.activeElement.closest(place));
  const isInCase = () => isIn("#case");
  const isNowhere = () => document.activeElement === document.body;
  // Keys that follow one another sooner are one walk: the case of where it ends is shown.
  const WALK_MS = 150;
  // Whether the file that the list shows is one whose case was opened, or left to be chosen.
  let greeted = null;
  // The row that is to be chosen: it may be still on its way, and is passed by while a key is held.
  let wanted = null;
  let lastWanted = 0;
  let settling = 0;
  // Set when the list was filtered or sorted, until its rows are there: whether the focus goes with the client, and
  // whether that is the first one, as who sorts wants to see who comes first.
  let rearranged = null;

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
    focusRow(api, wanted !== null ? wanted : node ? node.rowIndex : 0);
    return true;
  }

  function want(index) {
    if (rearranged) return; // the grid has moved the focus to a row of which nobody knows yet who it is
    wanted = index;
    window.clearTimeout(settling);
    const now = Date.now();
    if (now - lastWanted > WALK_MS) choose();
    else settling = window.setTimeout(choose, WALK_MS);
    lastWanted = now;
  }

  function forget() {
    wanted = null;
    window.clearTimeout(settling);
    settling = 0;
  }

  function choose() {
    settling = 0;
    const api = grid();
    const node = api && wanted !== null ? api.getDisplayedRowAtIndex(wanted) : null;
    if (!node || !node.data) return;
    wanted = null;
    node.setSelected(true, true);
  }

  function step(by) {
    const api = grid();
    if (!api) return;
    const node = chosen(api);
    const from = wanted !== null ? wanted : node ? node.rowIndex : -1;
    const index = Math.min(Math.max(from + by, 0), api.getDisplayedRowCount() - 1);
    if (isInCase()) {
      // Who reads the cases one after the other stays among them.
      api.ensureIndexVisible(index);
      want(index);
      focusCase();
    } else {
      want(index);
      focusRow(api, index);
    }
  }

  function onRearranged(isFromTop) {
    rearranged = { isFollowed: isIn("#clients .ag-row") || isNowhere(), isFromTop };
    forget();
  }

  // Rows have come. Some client is always chosen: the one before if it is in the list still, or else the first one.
  function onRows(api) {
    if (greeted !== byId("clients")) {
      // Another file: nothing is left of the list before it.
      rearranged = null;
      forget();
    }
    const first = api.getDisplayedRowAtIndex(0);
    if (byId("none-found")) byId("none-found").hidden = Boolean(first);
    if (!first) {
      api.deselectAll();
      return;
    }
    if (!first.data) return;
    if (!rearranged && api.getSelectedNodes().length) {
      if (wanted !== null && !settling) choose();
      return;
    }
    const place = rearranged && rearranged.isFromTop ? undefined : first.data.chosen_at;
    const index = Number(place || 0);
    if (place === undefined) first.setSelected(true, true);
    if (rearranged) {
      api.ensureIndexVisible(index);
      // Who went on into the search meanwhile types there.
      if (rearranged.isFollowed && (isIn("#clients") || isNowhere())) api.setFocusedCell(index, "client");
    }
    rearranged = null;
    arrived(api);
  }

  function focusCase() {
    // The case may be on its way: it has the focus where its name will stand.
    const title = byId("case-title");
    if (title) title.focus({ preventScroll: true });
  }

  // The ways to the clients before and after it, where the case has them.
  function markEnds() {
    const api = grid();
    const node = api && chosen(api);
    if (!node || !byId("case-next")) return;
    byId("case-before").disabled = node.rowIndex === 0;
    byId("case-next").disabled = node.rowIndex === api.getDisplayedRowCount() - 1;
  }

  // Where the case is a page of its own, the browser's way back leads from it to the list.
  function enterCase() {
    if (!review()) return;
    if (!WIDE.matches && !review().classList.contains("in-case")) window.history.pushState({ isCase: true }, "");
    openCase();
  }

  function openCase() {
    review().classList.add("in-case");
    focusCase();
  }

  function leaveCase() {
    if (!review()) return;
    if (window.history.state && window.history.state.isCase) window.history.back();
    else closeCase();
  }

  function closeCase() {
    review().classList.remove("in-case");
    const api = grid();
    if (api) focusList(api);
  }

  // A page that is loaded anew begins at the list: the way back would otherwise lead to this very case.
  if (window.history.state && window.history.state.isCase) window.history.replaceState(null, "");

  window.addEventListener("popstate", (event) => {
    if (!review()) return;
    if (event.state && event.state.isCase) openCase();
    else closeCase();
  });

  // The first clients of a file are there: the eye goes to them, and to the case if there is but one.
  function arrived(api) {
    const shown = byId("clients");
    if (greeted === shown) return;
    greeted = shown;
    const isFree = isNowhere() || isIn("#drop, .headline h2");
    if (api.getDisplayedRowCount() === 1) wait(() => byId("case-title"), enterCase);
    else if (isFree && WIDE.matches) focusList(api);
    else if (isFree) showResult(document.querySelector(".headline h2"));
  }

  function showResult(title) {
    title.focus();
    title.scrollIntoView();
  }

  function wait(found, then, left = 60) {
    if (found()) then();
    else if (left) window.setTimeout(() => wait(found, then, left - 1), 50);
  }

  // A new case took the place of the one that had the focus.
  let hadFocus = false;
  document.addEventListener("focusin", () => {
    hadFocus = isInCase();
    // The grid would take the focus back to its row when new rows come, from whoever types into the search.
    if (isIn("#seek") && grid()) grid().clearFocusedCell();
  });
  // Whose case it is: another client's begins at its top, with the name and the verdict in sight.
  let whose = "";
  new MutationObserver(() => {
    if (hadFocus && isNowhere()) focusCase();
    const title = byId("case-title");
    if (title && title.textContent !== whose) {
      whose = title.textContent;
      byId("case").scrollTop = 0;
      markEnds();
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
    else if (on("#case-before")) step(-1);
    else if (on("#case-next")) step(1);
    else if (on(".chip")) document.querySelector("#case-answer .gauge").scrollIntoView({ block: "nearest" });
    else if (on("#show-keys")) byId("keys").showModal();
    else if (on("#close-keys")) byId("keys").close();
    else if (on("#clients [row-id]") && !WIDE.matches) enterCase();
  });

  function filterBy(place) {
    choose(); // where a walk was about to end
    if (byId("clients")) document.querySelectorAll(".tile")[place].click();
  }

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => byId("seek").focus(),
    "?": () => byId("keys").showModal(),
    1: () => filterBy(0),
    2: () => filterBy(1),
    3: () => filterBy(2),
  };

  function onKey(event) {
    if (!review() || event.ctrlKey || event.altKey || event.metaKey || byId("keys").open) return;
    const target = event.target;
    const isSeek = target.id === "seek";
    if (target.matches("input, textarea, select, [contenteditable]") && !(isSeek && /^(Escape|Enter)$/.test(event.key))) {
      return;
    }
    const isInRow = Boolean(target.closest("#clients .ag-row"));
    const isInList = isSeek || isInRow;
    if (event.key === "Escape") {
      // What finds nobody is taken back first.
      if (isSeek && !byId("none-found").hidden) {
        target.select();
        document.execCommand("delete");
      } else {
        leaveCase();
      }
    } else if (event.key === " " && isInRow) {
      // To the grid it means that nobody is chosen.
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

  // The tile that is pressed, and how often each was clicked by then, in one list. Kept here, as Dash takes only the
  // latest of two answers that follow one another at once.
  let pressed = { list: null, only: "", clicks: [] };

  // Which clients the list shows: those of the tile that is pressed, and of what is searched for.
  function showOnly(clicks, sought) {
    const [tiles] = window.dash_clientside.callback_context.inputs_list;
    if (pressed.list !== byId("clients") || !clicks.some(Boolean)) {
      pressed = { list: byId("clients"), only: "", clicks: clicks.map(() => 0) };
    }
    const clicked = tiles.find((_, at) => clicks[at] > pressed.clicks[at]);
    if (clicked) pressed.only = clicked.id.tile === pressed.only ? "" : clicked.id.tile;
    pressed.clicks = clicks;
    const { only } = pressed;
    const rule = (type, filter) => ({ filterType: "text", type, filter });
    const model = {};
    if (only) model.verdict = rule("equals", only);
    if (sought && sought.trim()) model.client = rule("contains", sought.trim());
    return [model, tiles.map((tile) => String(tile.id.tile === only))];
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { review: { showOnly } });
  window.caseReview = { focusList, onRearranged, onRows, want };
})();
