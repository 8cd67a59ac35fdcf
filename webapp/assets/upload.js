// Sends a dropped or chosen file as it is, and tells the page the name under which its result will be kept.
// The file never goes into the page's own state: half a million clients would not fit there.
(function () {
  "use strict";

  const say = (text) => window.dash_clientside.set_props("sending", { children: text });

  // The file that was sent last, for as long as the page asks whether to score it again.
  let asked = null;

  function send(file, drop, isAgain) {
    const megabytes = Number(drop.dataset.maxMb);
    if (file.size > megabytes * 1e6) {
      say(file.name + " is larger than " + megabytes + " MB. Split it into smaller files and drop them one by one.");
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
    request.onload = () => answered(request, file);
    request.onerror = () => brokenOff(file.name, isSent);
    say("Sending " + file.name);
    request.send(file);
  }

  // The app scores nothing of a file that did not arrive as a whole; of one that did, nobody here knows.
  function brokenOff(name, isSent) {
    const what = isSent
      ? "The connection broke off after " + name + " had been sent, before the app said that it had it. Clients of " +
        "it that were scored are in the decision log."
      : "The connection broke off while " + name + " was being sent. Nothing of it was scored.";
    say(what + " Drop the file again when the app answers.");
  }

  function answered(request, file) {
    let answer = {};
    const wasAsked = asked !== null;
    asked = null;
    try {
      answer = JSON.parse(request.responseText);
    } catch (error) {
      // A proxy's own page, say: the sentence below will do.
    }
    if (request.status === 200 && answer.before) {
      say("");
      asked = file;
      // Set anew even if it is asked about the same file once more.
      window.dash_clientside.set_props("known-before", { data: null });
      window.dash_clientside.set_props("known-before", { data: answer.before });
      window.dash_clientside.set_props("tick", { disabled: false });
      window.dash_clientside.set_props("job", { data: answer.before });
    } else if (request.status === 202) {
      say("");
      if (wasAsked) window.dash_clientside.set_props("known-before", { data: null });
      window.dash_clientside.set_props("tick", { disabled: false });
      window.dash_clientside.set_props("job", { data: answer.upload });
    } else {
      say((answer.error && answer.error.message) || "The app could not take the file. Please try again.");
    }
  }

  // One chooser for the whole page, outside what Dash redraws.
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.accept = ".csv,.tsv,.txt,.xlsx,.xlsm,.ods,text/csv";
  chooser.hidden = true;
  chooser.setAttribute("aria-label", "Choose a file of clients");
  chooser.addEventListener("change", () => {
    const drop = document.getElementById("drop");
    if (drop && chooser.files.length) send(chooser.files[0], drop);
    chooser.value = ""; // so that the same file, corrected, can be chosen again
  });
  document.addEventListener("DOMContentLoaded", () => document.body.append(chooser));
  if (document.body) document.body.append(chooser);

  const dropOf = (event) => event.target.closest && event.target.closest("#drop");
  const mark = (isOver) => {
    const drop = document.getElementById("drop");
    if (drop) drop.classList.toggle("over", isOver);
  };

  document.addEventListener("click", (event) => {
    const drop = dropOf(event);
    if (drop) chooser.click();
    if (asked && event.target.closest && event.target.closest("#score-again")) {
      send(asked, document.getElementById("drop"), true);
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
    const file = event.dataTransfer && event.dataTransfer.files[0];
    if (drop && file) send(file, drop);
  });
})();
