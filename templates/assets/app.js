// What a page needs beside htmx: nothing here is needed for reading.
"use strict";

// A fragment that was swapped in is read out, and shown where it is.
document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail?.ctx?.target ?? event.target;
  const says = target?.querySelector?.("[data-says]");
  if (says) document.getElementById("live").textContent = says.dataset.says;
});

// The first wrong field of a form gets the cursor, wherever the form came from.
const toWrong = () => document.querySelector("[aria-invalid='true'], [role='alert'][tabindex]")?.focus();
document.addEventListener("DOMContentLoaded", toWrong);
document.addEventListener("htmx:after:swap", toWrong);

// A form that was changed and not sent asks before it is left.
let changed = false;
document.addEventListener("input", (event) => { changed ||= Boolean(event.target.closest("form[data-keep]")); });
document.addEventListener("submit", () => { changed = false; });
addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });

// What cannot be undone stays shut until its name is typed.
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset.confirm;
  if (wanted) event.target.form.querySelector("button[data-confirmed]").disabled = event.target.value.trim() !== wanted;
});
