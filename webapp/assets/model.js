// The Model page: a page of a version opens below its button, so the focus goes there, and back when it is closed.
(function () {
  "use strict";

  let opened = null;

  function wait(found, then, left = 60) {
    if (found()) then(found());
    else if (left) window.setTimeout(() => wait(found, then, left - 1), 50);
  }

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
