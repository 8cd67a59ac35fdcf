// Sends a dropped or chosen file as it is, and tells the page the name under which its result will be kept.
// The file never goes into the page's own state: half a million clients would not fit there.
(function () {
  "use strict";

  const say = (text) => window.dash_clientside.set_props("sending", { children: text });

  // The file that was sent last, for as long as the page asks whether to score it again.
  let asked = null;
  // Of several files dropped together: those that are still to be sent, and what is to be said about those that were.
  let waiting = [];
  let said = [];
  let areMany = false;

  // One after the other, as the app takes only a few at a time.
  function sendAll(files, drop, isAgain) {
    const isBusy = waiting.length > 0;
    if (!isBusy) said = [];
    areMany = isBusy || files.length > 1;
    for (const file of files) waiting.push({ file, isAgain });
    if (!isBusy) sendNext(drop);
  }

  function sendNext(drop) {
    if (waiting.length && drop) send(waiting[0].file, drop, waiting[0].isAgain);
  }

  // What became of a file, beside what is to be said about the others.
  function finished(text) {
    if (text) said.push(text);
    waiting.shift();
    say(said.join(" "));
    sendNext(document.getElementById("drop"));
  }

  function send(file, drop, isAgain) {
    const megabytes = Number(drop.dataset.maxMb);
    if (file.size > megabytes * 1e6) {
      finished(file.name + " is larger than " + megabytes + " MB. Split it into smaller files and drop them one by one.");
      return;
    }
    const request = new XMLHttpRequest();
    let isSent = false;
    request.open("POST", "/uploads");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    if (!isAgain) request.setRequestHeader("X-Ask-First", "1");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) {
        say("Sending " + file.name + ": " + Math.round((100 * event.loaded) / event.total) + " %");
      }
    };
    request.upload.onload = () => {
      isSent = true;
      say(file.name + " has arrived and is being scored.");
    };
    request.onload = () => answered(request, file, isAgain);
    request.onerror = () => {
      if (isAgain) asked = file;
      brokenOff(file.name, isSent);
    };
    say("Sending " + file.name);
    request.send(file);
  }

  // The app scores nothing of a file that did not arrive as a whole; of one that did, nobody here knows.
  function brokenOff(name, isSent) {
    const what = isSent
      ? "The connection broke off after " + name + " had been sent, before the app said that it had it. Clients of " +
        "it that were scored are in the decision log."
      : "The connection broke off while " + name + " was being sent. Nothing of it was scored.";
    finished(what + " Drop the file again when the app answers.");
  }

  function answered(request, file, isAgain) {
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch (error) {
      // A proxy's own page, say: the sentence below will do.
    }
    if (request.status === 200 && answer.before && areMany) {
      finished(file.name + " was sent before, and was not scored again. To have it scored again, drop it alone.");
    } else if (request.status === 200 && answer.before) {
      asked = file;
      if (answer.is_kept) show(answer.before);
      // Set anew even if it is asked about the same file once more.
      window.dash_clientside.set_props("known-before", { data: null });
      window.dash_clientside.set_props("known-before", { data: answer.before });
      finished("");
    } else if (request.status === 202) {
      asked = null;
      window.dash_clientside.set_props("known-before", { data: null });
      show(answer.upload);
      finished("");
    } else {
      // What was asked stands there still.
      if (isAgain) asked = file;
      const why = (answer.error && answer.error.message) || "The app could not take the file. Please try again.";
      finished(areMany ? file.name + ": " + why : why);
    }
  }

  function show(name) {
    window.dash_clientside.set_props("tick", { disabled: false });
    window.dash_clientside.set_props("job", { data: name });
  }

  // One chooser for the whole page, outside what Dash redraws.
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.accept = ".csv,.tsv,.txt,.xlsx,.xlsm,.ods,text/csv";
  chooser.multiple = true;
  chooser.hidden = true;
  chooser.setAttribute("aria-label", "Choose files of clients");
  chooser.addEventListener("change", () => {
    const drop = document.getElementById("drop");
    if (drop) sendAll([...chooser.files], drop);
    chooser.value = ""; // so that the same file, corrected, can be chosen again
  });
  document.addEventListener("DOMContentLoaded", () => document.body.append(chooser));
  if (document.body) document.body.append(chooser);

  // A question about a file is where the eye goes, and so the focus.
  let question = null;
  function attend() {
    const heading = document.querySelector("#stage .doctor h2");
    const isNew = heading && heading.textContent !== question;
    question = heading && heading.textContent;
    if (isNew) heading.focus();
    document.querySelectorAll(".assign").forEach(nameChooser);
  }

  // Dash calls each of its choosers by what is chosen there alone, and has the focus come in through what nobody can hear.
  function nameChooser(place) {
    const button = place.querySelector("button");
    if (!button) return;
    const name = place.querySelector(".filename").id + " " + button.id + "-value";
    if (button.getAttribute("aria-labelledby") !== name) button.setAttribute("aria-labelledby", name);
    place.querySelectorAll("[aria-hidden=true][tabindex]").forEach((unheard) => (unheard.tabIndex = -1));
    button.tabIndex = 0;
  }

  new MutationObserver(attend).observe(document, { childList: true, subtree: true });

  const dropOf = (event) => event.target.closest && event.target.closest("#drop");
  const mark = (isOver) => {
    const drop = document.getElementById("drop");
    if (drop) drop.classList.toggle("over", isOver);
  };

  document.addEventListener("click", (event) => {
    const drop = dropOf(event);
    if (drop) chooser.click();
    if (asked && event.target.closest && event.target.closest("#score-again")) {
      const file = asked;
      asked = null; // whoever presses twice has it scored once more, not twice
      sendAll([file], document.getElementById("drop"), true);
    }
  });
  document.addEventListener("keydown", (event) => {
    const drop = dropOf(event);
    if (drop && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      chooser.click();
    }
  });
  // A file dropped anywhere on the page is meant for the drop zone; the browser would otherwise open it.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    const drop = document.getElementById("drop");
    if (drop && event.dataTransfer) sendAll([...event.dataTransfer.files], drop);
  });
})();
