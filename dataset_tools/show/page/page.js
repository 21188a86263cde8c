"use strict";
// Without this script the page shows all samples. With it, one at a time, with the ids of each token.
(() => {
  const samples = [...document.querySelectorAll("article")];
  const [nav, place, detail] = ["nav", "#place", "#detail"].map((name) => document.querySelector(name));
  const buttons = { previous: document.querySelector("#previous"), next: document.querySelector("#next") };
  let shown = 0;
  let chosen = null;

  const spans = (token) => [...samples[shown].querySelectorAll(`[data-t="${token}"]`)];
  const unchoose = () => {
    document.querySelectorAll(".chosen").forEach((span) => span.classList.remove("chosen"));
    detail.hidden = true;
    chosen = null;
  };

  function show(number) {
    shown = Math.min(Math.max(number, 0), samples.length - 1);
    samples.forEach((sample, at) => { sample.hidden = at !== shown; });
    buttons.previous.disabled = shown === 0;
    buttons.next.disabled = shown === samples.length - 1;
    place.textContent = `${shown + 1} of ${samples.length}`;
    unchoose();
  }

  function go(number) {
    show(number);
    history.replaceState(null, "", `#${samples[shown].id}`);
    scrollTo(0, 0);
  }

  // A token may have several spans; all are marked. Its text is inserted as text, never as markup.
  function choose(token, { scroll = false } = {}) {
    const found = spans(token);
    if (!found.length) return;
    unchoose();
    found[0].closest("details")?.setAttribute("open", "");
    found.forEach((span) => span.classList.add("chosen"));
    chosen = token;
    const { ids, labels } = found[0].dataset;
    const text = document.createElement("bdi");
    text.textContent = found.map((span) => span.textContent).join("");
    const bold = document.createElement("b");
    bold.textContent = `id ${ids}`;
    const label = labels === undefined ? "label −100, ignored" : `label ${labels}, trained`;
    detail.replaceChildren(`token ${token} · `, bold, ` · ${label} · `, text);
    detail.hidden = false;
    if (scroll) {
      const box = found[0].getBoundingClientRect();
      if (box.top < nav.offsetHeight || box.bottom > innerHeight - detail.offsetHeight) found[0].scrollIntoView({ block: "center" });
    }
  }

  // Tokens in the order of the text, not of the screen.
  function step(by, only = "") {
    const order = [...new Set([...samples[shown].querySelectorAll(`.t${only}`)].map((span) => Number(span.dataset.t)))];
    const from = chosen === null ? -1 : Number(chosen);
    const next = by > 0 ? order.find((token) => token > from) : order.findLast((token) => token < from);
    if (next !== undefined) choose(next, { scroll: true });
  }

  const keys = {
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    t: () => step(1, "[data-labels]"),
    n: () => go(shown + 1),
    p: () => go(shown - 1),
    Escape: unchoose,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  const over = (event) => event.target.closest?.(".t");
  document.addEventListener("click", (event) => {
    const span = over(event);
    if (span) choose(span.dataset.t);
  });
  // Ignore text that scrolls below a resting mouse.
  let rest = "";
  document.addEventListener("pointerover", (event) => {
    const at = `${event.screenX},${event.screenY}`;
    const span = event.pointerType === "mouse" && at !== rest && over(event);
    rest = at;
    if (span) choose(span.dataset.t);
  });
  buttons.previous.addEventListener("click", () => go(shown - 1));
  buttons.next.addEventListener("click", () => go(shown + 1));
  const named = () => Math.max(samples.findIndex((sample) => `#${sample.id}` === location.hash), 0);
  addEventListener("hashchange", () => show(named()));
  nav.hidden = samples.length < 2;
  show(named());
})();
