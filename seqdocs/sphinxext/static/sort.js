// Tables of class "sortable": the head of each column becomes a button that sorts by it, upwards, downwards, and back
// to the order of the page. Numbers are compared by what a cell's data-value says, words as words; a cell without a
// value in a column of numbers stays below. Without this script the table stands in the order of the page.
(() => {
  "use strict";
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

  for (const table of document.querySelectorAll("table.sortable")) {
    const [body] = table.tBodies;
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];

    const number = (row, column) => {
      const { value } = row.cells[column].dataset;
      return value === undefined ? NaN : Number(value);
    };
    const words = (row, column) => row.cells[column].textContent.trim();

    const sorted = (column, way) => {
      if (way === "none") return rows;
      const sign = way === "ascending" ? 1 : -1;
      const numeric = rows.some((row) => !Number.isNaN(number(row, column)));
      const compare = (one, other) => {
        if (!numeric) return sign * words(one, column).localeCompare(words(other, column));
        const [a, b] = [number(one, column), number(other, column)];
        if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
        return sign * (a - b);
      };
      return [...rows].sort(compare); // equal rows keep the order of the page
    };

    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.ariaSort = "none";
      button.addEventListener("click", () => {
        const way = NEXT[head.ariaSort];
        for (const other of heads) other.ariaSort = other === head ? way : "none";
        sorted(column, way).forEach((row, index) => {
          row.classList.toggle("row-even", index % 2 === 0); // the head is the first, odd row
          row.classList.toggle("row-odd", index % 2 === 1);
          body.append(row);
        });
      });
    });
  }
})();
