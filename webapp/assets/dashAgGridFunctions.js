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

dagfuncs.begin = function (api) {
  dagfuncs.fitToScreen(api);
  const table = document.querySelector("#clients [role=grid], #clients [role=treegrid]");
  if (table) table.setAttribute("aria-label", "Clients");
  // Dash hands this option on as a text, which the grid cannot call.
  api.setGridOption("focusGridInnerElement", (params) => window.caseReview.focusList(params.api));
  window.caseReview.onRows(api);
};

dagfuncs.rowsCame = function (api) {
  window.caseReview.onRows(api);
};

dagfuncs.filtered = function () {
  window.caseReview.onRearranged(false);
};

dagfuncs.sorted = function () {
  window.caseReview.onRearranged(true);
};

dagfuncs.chooseFocused = function (params) {
  if (params.rowIndex !== null && !params.rowPinned) window.caseReview.want(params.rowIndex);
};

dagfuncs.leaveTable = function () {
  return false;
};
