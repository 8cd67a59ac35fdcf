// The form for one applicant: when what is typed is checked, where the focus goes, and what a screen reader hears.
(function () {
  "use strict";

  const PAUSE_MS = 500;
  // No answer is waited for any longer.
  const LOST_MS = 10000;
  const byId = (id) => document.getElementById(id);
  const fieldOf = (element) => element.closest && element.closest("#fill-in .field");
  const setProps = (id, props) => window.dash_clientside.set_props(id, props);
  const timers = new Map();

  // Half a second after the last key, or when the field is left, the page is told what stands there.
  function check(input) {
    const field = fieldOf(input);
    window.clearTimeout(timers.get(field));
    timers.delete(field);
    if (field.isConnected) setProps({ fill: field.dataset.field, part: "typed" }, { data: input.value });
  }

  document.addEventListener("input", (event) => {
    const field = fieldOf(event.target);
    if (!field) return;
    window.clearTimeout(timers.get(field));
    timers.set(field, window.setTimeout(() => check(event.target), PAUSE_MS));
  });

  document.addEventListener("focusout", (event) => {
    const field = fieldOf(event.target);
    if (field && timers.has(field)) check(event.target);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.target.tagName !== "INPUT") return;
    if (!fieldOf(event.target)) return;
    event.preventDefault();
    byId("fill-in-score").click();
  });

  // What was asked for, until the answer is on the page.
  let awaited = "";
  // When an applicant was sent to be scored, until the answer is there. Who presses twice has them scored once.
  let sentAt = 0;

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest && event.target.closest(selector);
    if (on("#fill-in-open") && byId("fill-in").hidden) awaited = "form";
    else if (on("#fill-in-empty")) awaited = "empty form";
    else if (on("#fill-in-score")) {
      if (Date.now() - sentAt < LOST_MS) {
        event.stopPropagation();
        return;
      }
      sentAt = Date.now();
      awaited = "answer";
      // So that the same answer is seen, and heard, a second time.
      setProps("fill-in-message", { children: "" });
    }
  }, true);

  function focusOn(field) {
    const fold = field.closest("details");
    if (fold) fold.open = true;
    field.querySelector("input").focus();
  }

  // Dash's field has no attributes of its own for these.
  function describe(field) {
    const input = field.querySelector("input");
    input.setAttribute("aria-describedby", field.querySelector(".about-field").id);
    input.setAttribute("aria-required", field.dataset.needed);
    input.setAttribute("aria-invalid", String(field.querySelector(".fault") !== null));
  }

  function look() {
    const form = byId("fill-in");
    if (!form) return;
    if (byId("fill-in-message") && byId("fill-in-message").textContent) sentAt = 0;
    const fields = [...form.querySelectorAll(".field")];
    fields.forEach(describe);
    if (form.hidden || !fields.length) return;
    const isEmpty = fields.every((field) => field.querySelector("input").value === "");
    if (awaited === "form" || (awaited === "empty form" && isEmpty)) {
      awaited = "";
      focusOn(fields[0]);
    } else if (awaited === "answer" && byId("fill-in-message").textContent) {
      const faulty = fields.find((field) => field.querySelector(".fault"));
      if (!faulty) return;
      awaited = "";
      focusOn(faulty);
    }
  }

  new MutationObserver(look).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["hidden"],
    childList: true,
    characterData: true,
    subtree: true,
  });
})();
