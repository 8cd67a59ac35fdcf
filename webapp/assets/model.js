// The Model page: a page of a version opens below its button, so the focus goes there, and back when it is closed.
(function () {
  "use strict";

  let opened = null;

  function wait(found, then, left = 60) {
    if (found()) then(found());
    else if (left) window.setTimeout(() => wait(found, then, left - 1), 50);
  }

  // What was said of the last change is over once the next one begins.
  document.addEventListener("input", (event) => {
    const said = event.target.closest(".model-page") && document.getElementById("sending");
    if (said && said.textContent) window.dash_clientside.set_props("sending", { children: "" });
  });

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest && event.target.closest(selector);
    const look = on("button[data-look]");
    if (look) {
      opened = look;
      const title = () => {
        const found = document.getElementById("version-page-title");
        return found && found.textContent === look.dataset.look ? found : null;
      };
      wait(title, (heading) => {
        heading.focus();
        heading.scrollIntoView({ block: "start" });
      });
    } else if (on("#close-page") && opened) {
      opened.focus();
    }
  });
})();
