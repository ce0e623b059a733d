// Optional: without it everything is shown and the radio buttons still choose (cases.css).
// Adds a search over the cases of this page, counts, and keeps the choice in the address.
"use strict";

(() => {
  const search = document.getElementById("search");
  const input = document.getElementById("find");
  const found = document.getElementById("found");
  if (!search || !input || !found) return;
  const cases = Array.from(document.querySelectorAll("article.case, li.case"));
  const words = new Map();
  const MARK = "show";

  const chosen = (name) => {
    const button = document.querySelector(`input[name="${name}"]:checked`);
    return button ? button.value : "all";
  };

  const text = (one) => {
    if (!words.has(one)) words.set(one, one.textContent.toLowerCase());
    return words.get(one);
  };

  const filtered = () =>
    chosen("status") !== "all" || chosen("check") !== "all" || input.value.trim() !== "";

  const fragment = () => {
    const kept = new URLSearchParams();
    for (const name of ["status", "check"]) {
      if (chosen(name) !== "all") kept.set(name, chosen(name));
    }
    if (input.value.trim()) kept.set("find", input.value.trim());
    return `#${MARK}&${kept}`;
  };

  const keep = () => {
    const now = filtered() ? fragment() : "";
    const shown = location.hash.startsWith(`#${MARK}&`);
    if ((now || shown) && now !== location.hash) {
      try {
        history.replaceState(null, "", location.pathname + location.search + now);
      } catch {
        // A sandboxed page may not rewrite its address: the filter works all the same.
      }
    }
    for (const link of document.querySelectorAll("a.turn")) link.hash = now;
  };

  const apply = () => {
    const status = chosen("status");
    const check = chosen("check");
    const wanted = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of cases) {
      const missed = !wanted.every((word) => text(one).includes(word));
      one.classList.toggle("missed", missed);
      const fits =
        (status === "all" || one.classList.contains(`s-${status}`)) &&
        (check === "all" || one.classList.contains(check));
      if (!missed && fits) count += 1;
    }
    for (const part of document.querySelectorAll("section.part")) {
      part.classList.toggle("missed", !part.querySelector(".case:not(.missed)"));
    }
    found.textContent = `${count} of ${cases.length} cases on this page`;
    keep();
  };

  const press = (name, value) => {
    const buttons = Array.from(document.querySelectorAll(`input[name="${name}"]`));
    const wanted = buttons.find((button) => button.value === value) || buttons[0];
    if (wanted) wanted.checked = true;
  };

  const restore = () => {
    if (!location.hash.startsWith(`#${MARK}&`)) return;
    const kept = new URLSearchParams(location.hash.slice(MARK.length + 2));
    press("status", kept.get("status"));
    press("check", kept.get("check"));
    input.value = kept.get("find") || "";
    apply();
  };

  search.hidden = false;
  for (const button of document.querySelectorAll(".filters input")) {
    button.addEventListener("input", apply);
  }
  window.addEventListener("hashchange", restore);
  restore();
  apply();
})();
