// How the grid draws a verdict (symbol, word and colour, the same as in words.py) and the reasons (up to three lines).
var dagcomponentfuncs = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});

const LAMPS = {
  approve: ["green", "✓ Offer"],
  refer: ["amber", "? Ask a colleague"],
  decline: ["red", "✕ Decline"],
};

dagcomponentfuncs.VerdictLamp = function (props) {
  const lamp = LAMPS[props.value];
  return lamp ? React.createElement("span", { className: "lamp " + lamp[0] }, lamp[1]) : "";
};

dagcomponentfuncs.Reasons = function (props) {
  return React.createElement("span", { className: "reasons" }, props.value);
};
