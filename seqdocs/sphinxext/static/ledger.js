// The ledger's menus: rows that are not chosen are hidden, the number left is announced, the address keeps the
// choice after its # (a file has no query), so that it can be sent to somebody. Without this script the form stays
// hidden and every claim is shown.
(() => {
  "use strict";
  const form = document.querySelector("form.ledger-filter");
  if (!form) return;
  const menus = [...form.querySelectorAll("select")];
  const sections = [...document.querySelectorAll(".ledger-source")];
  const rows = [...document.querySelectorAll(".ledger-claims tr[data-source]")];
  const said = form.querySelector("output");

  const apply = () => {
    const chosen = menus.filter((menu) => menu.value);
    for (const row of rows) row.hidden = chosen.some((menu) => row.dataset[menu.name] !== menu.value);
    for (const section of sections) section.hidden = chosen.length > 0 && !section.querySelector("tr[data-source]:not([hidden])");
    const left = rows.filter((row) => !row.hidden).length;
    said.textContent = left === rows.length ? `${left} claims` : `${left} of ${rows.length} claims`;
  };

  const write = () => {
    const choice = new URLSearchParams(menus.filter((menu) => menu.value).map((menu) => [menu.name, menu.value]));
    history.replaceState(null, "", String(choice) ? `#${choice}` : location.pathname + location.search);
  };

  // What follows the # may also be an anchor of the page: then nothing is chosen, and the anchor is in sight.
  const read = () => {
    const choice = new URLSearchParams(location.hash.slice(1));
    for (const menu of menus) {
      const value = choice.get(menu.name) || "";
      menu.value = [...menu.options].some((option) => option.value === value) ? value : "";
    }
    apply();
  };

  form.addEventListener("change", () => { apply(); write(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const menu of menus) menu.value = "";
    apply();
    write();
  });
  window.addEventListener("hashchange", read);
  form.hidden = false;
  read();
})();
