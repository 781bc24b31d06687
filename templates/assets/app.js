// What a page needs beside htmx: nothing here is needed for reading.
"use strict";

// Where you are is in view, in a bar that is wider than the screen.
document.addEventListener("DOMContentLoaded", () => {
  for (const here of document.querySelectorAll(".rail [aria-current], .picker [aria-current]")) {
    const bar = here.closest(".rail, .picker");
    bar.scrollLeft = here.offsetLeft - bar.offsetLeft - (bar.clientWidth - here.offsetWidth) / 2;
  }
});

// The menu closes by Escape, and by a click elsewhere.
addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(".menu[open]");
  if (menu) menu.open = false, menu.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  const menu = document.querySelector(".menu[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});

// A fragment that was swapped in is read out, and shown where it is.
document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail?.ctx?.target ?? event.target;
  const says = target?.querySelector?.("[data-says]");
  if (says) document.getElementById("live").textContent = says.dataset.says;
});

// The first wrong field of a form gets the cursor, wherever the form came from.
const toWrong = (within) => within?.querySelector?.("[aria-invalid='true'], [role='alert'][tabindex]")?.focus();
document.addEventListener("DOMContentLoaded", () => toWrong(document));
document.addEventListener("htmx:after:swap", (event) => toWrong(event.detail?.ctx?.target ?? event.target));

// Whoever stood in what is swapped away goes on where its answer stands. (What has a name of its own, htmx finds again.)
let around = null;
document.addEventListener("htmx:before:swap", (event) => {
  const target = event.detail?.ctx?.target;
  around = target?.contains?.(document.activeElement) ? target.parentElement?.closest("[tabindex]") : null;
});
document.addEventListener("htmx:after:swap", () => {
  if (document.activeElement === document.body) around?.focus({ preventScroll: true });
  around = null;
});

// A plan that is being typed: what is wrong with it stands beside the form, and at the field it is about.
const atFields = () => {
  const judged = document.getElementById("judged");
  if (!judged) return;
  const wrong = new Map();
  for (const each of judged.querySelectorAll("[data-field]")) wrong.set(each.dataset.field, `${wrong.get(each.dataset.field) ?? ""} ${each.textContent}`.trim());
  for (const told of document.querySelectorAll("p.wrong[data-of]")) {
    told.textContent = wrong.get(told.dataset.of) ?? "";
    const field = document.getElementById(told.dataset.of);
    if (field?.matches("input, select")) field.toggleAttribute("aria-invalid", false), wrong.has(told.dataset.of) && field.setAttribute("aria-invalid", "true");
  }
};
document.addEventListener("htmx:after:swap", atFields);

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

// A link that opens its answer in the row below; again, and it closes. With a key held down it is a plain link.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-opens]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const row = document.getElementById(link.dataset.opens);
  if (!row.hidden || row.querySelector(".reason")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    row.hidden = !row.hidden;
    link.setAttribute("aria-expanded", String(!row.hidden));
  }
}, true);
document.addEventListener("htmx:after:swap", (event) => {
  const row = (event.detail?.ctx?.target ?? event.target)?.closest?.("tr.opened[hidden]");
  if (!row) return;
  row.hidden = false;
  document.querySelector(`a[data-opens="${row.id}"]`)?.setAttribute("aria-expanded", "true");
});
