// From one page to another with what is to be shown there: a file on Score clients, a client in History. It goes
// through a store of this tab, not through the address; of a client that is the number of an entry of the log.
(function () {
  "use strict";

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-upload], [data-entry]");
    if (!button) return;
    const { upload, entry } = button.dataset;
    // As the page's own stores write it.
    if (upload) sessionStorage.setItem("job", JSON.stringify(upload));
    else sessionStorage.setItem("entry", entry);
    window.location.assign(upload ? "/" : "/history");
  });
})();
