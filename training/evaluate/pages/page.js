"use strict";
// Without this script the page shows all rows. With it, rows are filtered by words, kind and heat map cell.
(() => {
  const rows = [...document.querySelectorAll("article")];
  const [filters, search, status] = [".filters", "#search", "#shown"].map((name) => document.querySelector(name));
  if (!filters) return;
  const chips = [...document.querySelectorAll(".chips button")];
  const cells = [...document.querySelectorAll(".heat button")];
  const state = { kind: chips[0]?.dataset.kind ?? "", dialect: null, tool: null };

  // Normalize for search: no diacritics and tatweel, one alef, one yeh, one heh, ASCII digits.
  const fold = (text) =>
    text
      .normalize("NFC")
      .toLowerCase()
      .replace(/[\u0610-\u061a\u064b-\u065f\u0670\u0640]/g, "")
      .replace(/[أإآٱ]/g, "ا")
      .replace(/ى/g, "ي")
      .replace(/ة/g, "ه")
      .replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660));
  const texts = new Map(rows.map((row) => [row, fold(row.textContent)]));
  const words = (text) => (text ? text.split(" ") : []);

  function fits(row) {
    const { kinds, dialect, tools } = row.dataset;
    if (state.kind && !words(kinds).includes(state.kind)) return false;
    if (state.dialect !== null && dialect !== state.dialect) return false;
    if (state.tool !== null && !JSON.parse(tools).includes(state.tool)) return false;
    const text = texts.get(row);
    return fold(search.value).split(/\s+/).every((word) => text.includes(word));
  }

  function show() {
    let shown = 0;
    rows.forEach((row) => {
      row.hidden = !fits(row);
      shown += !row.hidden;
    });
    chips.forEach((chip) => chip.setAttribute("aria-pressed", String(chip.dataset.kind === state.kind)));
    cells.forEach((cell) => {
      const chosen = cell.dataset.dialect === state.dialect && cell.dataset.tool === state.tool;
      cell.setAttribute("aria-pressed", String(chosen));
    });
    const where = state.tool === null ? "" : ` · ${state.dialect} × ${state.tool}`;
    status.textContent = `${shown} of ${rows.length} rows${where}`;
  }

  function step(by) {
    const order = rows.filter((row) => !row.hidden);
    const at = order.indexOf(document.activeElement.closest("article"));
    const next = order[at < 0 ? (by > 0 ? 0 : order.length - 1) : at + by];
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "start" });
  }

  function clear() {
    search.value = "";
    Object.assign(state, { kind: chips[0]?.dataset.kind ?? "", dialect: null, tool: null });
    show();
  }

  chips.forEach((chip) => chip.addEventListener("click", () => {
    state.kind = chip.dataset.kind;
    show();
  }));
  cells.forEach((cell) => cell.addEventListener("click", () => {
    const again = cell.getAttribute("aria-pressed") === "true";
    Object.assign(state, again ? { dialect: null, tool: null } : { dialect: cell.dataset.dialect, tool: cell.dataset.tool });
    show();
    if (!again) filters.scrollIntoView({ block: "start" });
  }));
  search.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target === search;
    if (event.key === "Escape") {
      clear();
      search.blur();
    } else if (!typing && event.key === "/") {
      search.focus();
    } else if (!typing && (event.key === "n" || event.key === "p")) {
      step(event.key === "n" ? 1 : -1);
    } else {
      return;
    }
    event.preventDefault();
  });
  rows.forEach((row) => row.setAttribute("tabindex", "-1"));
  filters.hidden = false;
  show();
})();
