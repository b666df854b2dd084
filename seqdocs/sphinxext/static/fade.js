// <seq-fade>: how much of the influence of an input is left k steps later, one bar per model, on a logarithmic
// axis. Every number comes from the record that the page carries; nothing is computed here but positions.
(() => {
  "use strict";
  const FLOOR = -9; // the axis begins at 10^-9; what is smaller has no bar, its number is still shown

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  const superscript = (power) => String(power).replace("-", "⁻").replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);

  // Two significant digits: 0.87, 0.012, 3.4 · 10⁻⁷.
  const show = (value) => {
    if (value === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(value)));
    if (power >= -3 && power < 3) return Number(value.toPrecision(2)).toString();
    const [digits, rest] = value.toExponential(1).split("e");
    return `${digits} · 10${superscript(Number(rest))}`;
  };

  const length = (value) => (value > 0 ? Math.min(1, Math.max(0, 1 - Math.log10(value) / FLOOR)) : 0);

  class SeqFade extends HTMLElement {
    connectedCallback() {
      const block = this.querySelector('script[type="application/json"]');
      if (!block || this.slider) return;
      this.record = JSON.parse(block.textContent);
      const last = this.record.lags.length - 1;
      const start = Math.min(Number(this.getAttribute("start")) || 0, last);
      const id = "seq-fade-steps";

      this.slider = element("input", { type: "range", id, min: 0, max: last, step: 1, value: start });
      this.count = element("output", { for: id });
      this.rows = Object.keys(this.record.curves).map((name) => {
        const bar = element("span", { class: "fade-bar" });
        const value = element("td", { class: "fade-value" });
        const track = element("td", { class: "fade-track", "aria-hidden": "true" }, bar);
        return { name, bar, value, row: element("tr", {}, element("th", { scope: "row" }, name), track, value) };
      });
      const ticks = [FLOOR, (FLOOR * 2) / 3, FLOOR / 3, 0].map((power) => {
        const tick = element("span", {}, power === 0 ? "1" : `10${superscript(power)}`);
        tick.style.setProperty("--at", 1 - power / FLOOR);
        return tick;
      });
      const axis = element("tr", { class: "fade-axis", "aria-hidden": "true" },
        element("td"), element("td", {}, element("span", { class: "fade-ticks" }, ...ticks)), element("td"));
      const table = element("table", { class: "fade-table" },
        element("caption", { class: "visually-hidden" }, "Influence left after the chosen number of steps, by model"),
        element("tbody", {}, ...this.rows.map((entry) => entry.row), axis));
      const label = element("label", { for: id }, "Steps back, ", element("i", {}, "k"));
      const ui = element("figure", { class: "fade" },
        element("div", { class: "fade-control" }, label, this.slider, this.count), table,
        element("figcaption", {}, element("p", {}, "Largest change of the last state per change of the input k steps back, as a fraction of that at k = 0."),
          element("p", {}, this.record.caption)));
      block.before(ui);
      this.classList.add("is-live");
      this.slider.addEventListener("input", () => this.draw());
      this.draw();
    }

    draw() {
      const index = Number(this.slider.value);
      const steps = this.record.lags[index];
      this.count.value = String(steps);
      this.slider.setAttribute("aria-valuetext", `${steps} steps back`);
      for (const { name, bar, value } of this.rows) {
        const left = this.record.curves[name][index];
        bar.style.setProperty("--length", length(left));
        value.textContent = show(left);
        value.dataset.value = left;
      }
    }
  }
  customElements.define("seq-fade", SeqFade);
})();
