// <seq-fade>: how much of the influence of an input is left k steps later, one bar per model, on a logarithmic
// axis. Every number comes from a record that the page carries, one block for each device; nothing is computed here but
// positions.
(() => {
  "use strict";
  const FLOOR = -9; // the axis begins at 10^-9; what is smaller has no bar, its number is still shown
  const STEP = 3; // powers of ten between two marks

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

  const WHAT = "Largest change of the last state per change of the input k steps back, as a fraction of that at k\u00a0=\u00a00.";
  let count = 0; // instruments on this page

  class SeqFade extends HTMLElement {
    connectedCallback() {
      const blocks = [...this.querySelectorAll('script[type="application/json"]')];
      if (!blocks.length || this.figure) return;
      this.records = new Map(blocks.map((block) => [block.dataset.device, JSON.parse(block.textContent)]));
      this.figure = element("figure", { class: "fade" });
      blocks[0].before(this.figure);
      this.classList.add("is-live");
      this.build();
      document.addEventListener("devicechange", () => this.build());
    }

    // The whole instrument, from the record of the device that the page shows; where it began it stays.
    build() {
      const device = document.documentElement.dataset.shownDevice ?? this.records.keys().next().value;
      const steps = this.record?.lags[this.slider.value];
      const record = this.records.get(device);
      if (!record) {
        this.figure.replaceChildren(element("p", { class: "not-measured" }, "Not measured on this device"));
        return;
      }
      this.record = record;
      const largest = Math.max(1, ...Object.values(record.curves).flat());
      this.top = Math.ceil(Math.log10(largest)); // influence may grow, so the axis may end above one
      const caption = element("figcaption", {}, element("p", {}, WHAT), element("p", {}, record.caption));
      this.figure.replaceChildren(this.control(steps ?? (Number(this.getAttribute("start")) || 0)), this.table(), caption);
      this.draw();
    }

    // The slider, from the first lag of the record to its last; it begins at the last one not above `wanted`.
    control(wanted) {
      const id = `seq-fade-${(count += 1)}`;
      const { lags } = this.record;
      const value = Math.max(0, lags.findLastIndex((lag) => lag <= wanted));
      this.slider = element("input", { type: "range", id, min: 0, max: lags.length - 1, step: 1, value });
      this.slider.addEventListener("input", () => this.draw());
      this.output = element("output", { for: id });
      const label = element("label", { for: id }, "Steps back, ", element("i", {}, "k"));
      return element("div", { class: "fade-control" }, label, this.slider, this.output);
    }

    // A row per model: name, bar, number; under them the marks of the axis.
    table() {
      this.rows = Object.keys(this.record.curves).map((name) => {
        const bar = element("span", { class: "fade-bar" });
        const value = element("td", { class: "fade-value" });
        const track = element("td", { class: "fade-track", "aria-hidden": "true" }, bar);
        return { name, bar, value, row: element("tr", {}, element("th", { scope: "row" }, name), track, value) };
      });
      const ticks = element("span", { class: "fade-ticks" });
      for (let power = FLOOR; power <= this.top; power += STEP) {
        const tick = element("span", {}, power === 0 ? "1" : `10${superscript(power)}`);
        tick.style.setProperty("--at", this.place(10 ** power));
        ticks.append(tick);
      }
      const axis = element("tr", { class: "fade-axis", "aria-hidden": "true" });
      axis.append(element("td"), element("td", {}, ticks), element("td"));
      const title = element("caption", { class: "visually-hidden" }, "Influence left after so many steps, by model");
      const body = element("tbody", {}, ...this.rows.map((entry) => entry.row), axis);
      const made = element("table", { class: "fade-table" }, title, body);
      made.style.setProperty("--one", this.place(1));
      return made;
    }

    // Where a number stands on the axis: 0 at its beginning, 1 at its end.
    place(value) {
      return value > 0 ? Math.max(0, (Math.log10(value) - FLOOR) / (this.top - FLOOR)) : 0;
    }

    draw() {
      const index = Number(this.slider.value);
      const steps = this.record.lags[index];
      this.output.value = String(steps);
      this.slider.setAttribute("aria-valuetext", `${steps} steps back`);
      for (const { name, bar, value } of this.rows) {
        const left = this.record.curves[name][index];
        bar.style.setProperty("--length", this.place(left));
        value.textContent = show(left);
        value.dataset.value = left;
      }
    }
  }
  customElements.define("seq-fade", SeqFade);
})();
