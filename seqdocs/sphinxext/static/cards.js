// Cards for links to entries. A link's card is in the page, a <template data-card="address of the entry">. A pointer
// or the keyboard's focus shows the card; Escape, leaving or scrolling hides it. On a touch screen the first tap on a
// link shows its card and the second follows it. Without this script links are links.
(() => {
  "use strict";
  const cards = new Map();
  for (const template of document.querySelectorAll("template[data-card]")) cards.set(template.dataset.card, template);
  if (!cards.size) return;

  const SHOW_AFTER = 150; // ms: a pointer that only passes by shows nothing
  const HIDE_AFTER = 250; // ms: time to move from the link onto the card, to select a word in it
  const GAP = 6; // px between word and card, and card and window

  const box = document.createElement("div");
  box.id = "term-card";
  box.className = "term-card";
  box.hidden = true;
  box.setAttribute("role", "tooltip");
  document.body.append(box);
  let timer;
  let shownFor = null;
  let touched = false;

  const hide = () => {
    clearTimeout(timer);
    if (!shownFor) return;
    shownFor.removeAttribute("aria-describedby");
    shownFor = null;
    box.hidden = true;
  };

  // Below what it is for where there is room, else above; never outside of the window.
  const place = (from) => {
    const at = from.getClientRects()[0] || from.getBoundingClientRect();
    const size = box.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const below = at.bottom + GAP + size.height <= window.innerHeight || at.top < size.height + GAP;
    const top = below ? at.bottom + GAP : at.top - GAP - size.height;
    const left = Math.max(GAP, Math.min(at.left, width - size.width - GAP));
    box.style.top = `${top}px`;
    box.style.left = `${left}px`;
  };

  const show = (from, content) => {
    clearTimeout(timer);
    if (shownFor === from) return;
    hide();
    shownFor = from;
    box.replaceChildren(content());
    box.hidden = false;
    from.setAttribute("aria-describedby", box.id);
    place(from);
  };

  const soon = (delay, what, ...args) => {
    clearTimeout(timer);
    timer = setTimeout(what, delay, ...args);
  };

  const listen = (element, content) => {
    element.addEventListener("pointerdown", (event) => { touched = event.pointerType === "touch"; });
    element.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "touch") soon(SHOW_AFTER, show, element, content);
    });
    element.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") soon(HIDE_AFTER, hide);
    });
    element.addEventListener("focus", () => { if (!touched) show(element, content); });
    element.addEventListener("blur", () => soon(HIDE_AFTER, hide));
    element.addEventListener("click", (event) => {
      if (!touched || shownFor === element) return;
      event.preventDefault();
      show(element, content);
    });
  };

  for (const link of document.querySelectorAll("a.reference.internal[href]")) {
    const card = cards.get(link.getAttribute("href").split("#")[0]);
    if (!card) continue;
    link.classList.add("has-card");
    listen(link, () => card.content.cloneNode(true));
  }
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", () => soon(HIDE_AFTER, hide));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.addEventListener("pointerdown", (event) => {
    if (shownFor && !box.contains(event.target) && !shownFor.contains(event.target)) hide();
  });
  window.addEventListener("resize", hide);
  window.addEventListener("scroll", hide, { passive: true });
})();
