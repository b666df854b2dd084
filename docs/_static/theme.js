// Before anything is drawn: the colours chosen on an earlier visit. A file page may forbid storage.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* then the system decides */ }
  document.body.dataset.theme = ["light", "dark"].includes(chosen) ? chosen : "auto";
})();
