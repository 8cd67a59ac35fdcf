// On a narrow screen the grid keeps client, verdict and risk; the rest of a client is in the drawer.
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
