// Small repairs that need the drawn page.
(() => {
  const scrollers = ".math-wrapper, .table-wrapper, .highlight pre, .sphx-glr-script-out pre, .cell_output pre";

  // What scrolls sideways can be reached and scrolled by keyboard.
  const reach = () => {
    for (const box of document.querySelectorAll(scrollers)) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  reach();
  addEventListener("resize", reach);
  addEventListener("devicechange", reach);
  document.fonts?.ready.then(reach);

  // The styles show where a number comes from, at once and to the keyboard; the browser's own hint would cover it.
  for (const number of document.querySelectorAll(".measured[title]")) {
    number.setAttribute("aria-description", number.title);
    number.removeAttribute("title");
    for (const event of ["focus", "pointerenter"]) number.addEventListener(event, () => number.classList.remove("is-dismissed"));
  }
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const number of document.querySelectorAll(".measured:is(:hover, :focus)")) number.classList.add("is-dismissed");
  });

  // The entry one reads is in sight in a long navigation.
  const here = document.querySelector(".site-nav a[aria-current]");
  const nav = here?.closest(".site-nav");
  if (nav && here.offsetTop > nav.clientHeight) nav.scrollTop = here.offsetTop - nav.clientHeight / 2;

  // A link inside an opened drawer closes it.
  for (const drawer of document.querySelectorAll("[popover]:is(.site-nav, .page-toc)")) {
    drawer.addEventListener("click", (event) => {
      if (event.target.closest("a") && drawer.matches(":popover-open")) drawer.hidePopover();
    });
  }
})();
