// While a sweep runs: says once a second how far it is, and shows the accounts anew when it has ended.
"use strict";

const PERIOD_MS = 1000;
const progress = document.getElementById("progress");

async function look() {
  try {
    const response = await fetch("/progress");
    const state = await response.json();
    if (!state.running) {
      location.reload();
      return;
    }
    if (progress.textContent !== state.text) progress.textContent = state.text;
  } catch {
    progress.textContent = "The local stack does not answer any more.";
    return;
  }
  setTimeout(look, PERIOD_MS);
}

if (progress?.dataset.running === "true") setTimeout(look, PERIOD_MS);
