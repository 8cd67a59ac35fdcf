// On a narrow screen the grid keeps client, verdict and risk; the rest of a client is in the case.
// What is chosen in it is the row that has the focus; where the focus goes, and the keys, are in case.js.
var dagfuncs = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});

const KEPT = { client: 0.3, verdict: 0.44, risk: 0.26 };
const BORDERS_PX = 4;

dagfuncs.fitToScreen = function (api) {
  const grid = document.getElementById("clients");
  const isNarrow = window.matchMedia("(max-width: 767px)").matches;
  if (!grid || isNarrow === grid.classList.contains("narrow")) return;
  grid.classList.toggle("narrow", isNarrow);
  if (!isNarrow) {
    api.resetColumnState();
    return;
  }
  const width = grid.clientWidth - BORDERS_PX;
  const state = Object.entries(KEPT).map(([colId, share]) => {
    return { colId, hide: false, pinned: null, width: Math.floor(share * width) };
  });
  api.applyColumnState({ state, defaultState: { hide: true }, applyOrder: true });
};

// Some client is always chosen: the first one, where the one before is not, or is no longer, in the list.
dagfuncs.chooseFirst = function (api) {
  const first = api.getDisplayedRowAtIndex(0);
  const none = document.querySelector(".none-found");
  if (none) none.hidden = Boolean(first);
  if (!first || !first.data || api.getSelectedNodes().some((node) => node.displayed && node.data)) return;
  first.setSelected(true, true);
  window.caseReview.arrived(api);
};

dagfuncs.chooseFocused = function (params) {
  const node = params.rowIndex === null ? null : params.api.getDisplayedRowAtIndex(params.rowIndex);
  if (node && node.data && !params.rowPinned) node.setSelected(true, true);
};

dagfuncs.focusChosen = function (params) {
  return window.caseReview.focusList(params.api);
};

dagfuncs.leaveTable = function () {
  return false;
};
