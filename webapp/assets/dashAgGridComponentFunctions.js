// How the grid draws a verdict (symbol, word and colour, the same as in pages/wording.py) and the reasons (up to two lines).
var dagcomponentfuncs = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});

const VERDICTS = {
  approve: ["green", "✓ Offer"],
  refer: ["amber", "? Ask a colleague"],
  decline: ["red", "✕ Decline"],
};

dagcomponentfuncs.Verdict = function (props) {
  const verdict = VERDICTS[props.value];
  return verdict ? React.createElement("span", { className: "verdict " + verdict[0] }, verdict[1]) : "";
};

dagcomponentfuncs.Reasons = function (props) {
  return React.createElement("span", { className: "reasons" }, props.value);
};
