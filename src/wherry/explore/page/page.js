"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const rows = data.rows, total = rows.size.length;
  const KINDS = ["added", "changed", "removed"], PAGE = 200, MOST_BOXES = 60;
  const paths = new Array(total), lower = new Array(total);
  for (let n = 0, path = ""; n < total; n++) {
    path = path.slice(0, rows.path[2 * n]) + rows.path[2 * n + 1];
    paths[n] = path;
    lower[n] = path.toLowerCase();
  }
  const hidden = new Uint8Array(total);
  for (const n of rows.hidden) hidden[n] = 1;
  // Bytes count once: hard links have those of another row.
  const bytesOf = rows.size.slice();
  for (const n of rows.links) bytesOf[n] = 0;

  function size(bytes) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit++; }
    return (bytes >= 999.5 ? bytes.toFixed(0) : String(Number(bytes.toPrecision(3)))) + units[unit];
  }
  function element(tag, text, properties) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    return Object.assign(made, properties);
  }

  // The theme: the system's until somebody chooses.
  const theme = byId("theme"), dark = window.matchMedia("(prefers-color-scheme: dark)");
  function showTheme() {
    const chosen = document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
    theme.setAttribute("aria-pressed", String(chosen === "dark"));
    return chosen;
  }
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = showTheme() === "dark" ? "light" : "dark";
    showTheme();
  });
  dark.addEventListener("change", showTheme);
  showTheme();

  // The table of files.
  const filters = { search: byId("search"), layer: byId("layer"), kind: byId("kind"), category: byId("category"), hidden: byId("hidden") };
  data.categories.forEach((name, n) => filters.category.append(element("option", name, { value: String(n) })));
  let order = { column: "path", down: false }, shown = [], first = 0;

  const values = {
    path: (n) => n, size: (n) => rows.size[n], layer: (n) => rows.layer[n], kind: (n) => rows.kind.charCodeAt(n),
    about: (n) => rows.about[n], category: (n) => rows.category[n],
    package: (n) => rows.package[n],
  };
  function filter() {
    const words = filters.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const layer = Number(filters.layer.value), kind = filters.kind.value, category = filters.category.value;
    shown = [];
    for (let n = 0; n < total; n++) {
      if (layer && rows.layer[n] !== layer) continue;
      if (kind !== "" && rows.kind[n] !== kind) continue;
      if (category !== "" && rows.category[n] !== Number(category)) continue;
      if (filters.hidden.checked && !hidden[n]) continue;
      if (words.every((word) => lower[n].includes(word))) shown.push(n);
    }
    sort();
  }
  function sort() {
    const value = values[order.column], sign = order.down ? -1 : 1;
    shown.sort((a, b) => sign * (value(a) - value(b)) || a - b);
    first = 0;
    draw();
  }
  function draw() {
    const body = document.querySelector("#table tbody"), last = Math.min(first + PAGE, shown.length);
    const fragment = document.createDocumentFragment();
    for (const n of shown.slice(first, last)) {
      const row = element("tr"), path = element("th", undefined, { scope: "row" });
      path.append(element("code", paths[n]));
      row.append(path, element("td", rows.kind[n] === "2" ? "" : size(rows.size[n]), { className: "number" }),
        element("td", rows.layer[n], { className: "number" }),
        element("td", KINDS[rows.kind[n]] + (hidden[n] ? ", hidden" : "")),
        element("td", data.abouts[rows.about[n]]), element("td", data.categories[rows.category[n]] || ""),
        element("td", data.packages[rows.package[n]] || ""));
      fragment.append(row);
    }
    body.replaceChildren(fragment);
    const bytes = shown.reduce((sum, n) => sum + bytesOf[n], 0);
    const range = shown.length > PAGE ? `, ${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")} shown` : "";
    byId("count").textContent = `${shown.length.toLocaleString("en")} of ${total.toLocaleString("en")} entries, ${size(bytes)}${range}`;
    byId("previous").disabled = first === 0;
    byId("next").disabled = last >= shown.length;
    for (const head of document.querySelectorAll("#table th[scope=col]")) {
      if (head.firstElementChild.dataset.sort !== order.column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    }
  }
  for (const control of Object.values(filters)) control.addEventListener("input", filter);
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const column = button.dataset.sort;
      order = { column, down: order.column === column ? !order.down : column === "size" };
      sort();
    });
  }
  byId("previous").addEventListener("click", () => { first = Math.max(0, first - PAGE); draw(); });
  byId("next").addEventListener("click", () => { first += PAGE; draw(); });
  for (const button of document.querySelectorAll("[data-layer]")) {
    button.addEventListener("click", () => {
      filters.layer.value = button.dataset.layer;
      filter();
      byId("files").focus();
      byId("h-files").scrollIntoView();
    });
  }

  // The map: layers, then their folders.
  function tree() {
    const top = { name: "all layers", size: 0, hidden: 0, color: 0, below: new Map(), above: null };
    const layers = new Map();
    for (const layer of data.layers) {
      const node = { name: `layer ${layer.number}`, about: layer.command, size: 0, hidden: 0, color: layer.number % 8, below: new Map(), above: top };
      layers.set(layer.number, node);
      top.below.set(node.name, node);
    }
    for (let n = 0; n < total; n++) {
      const bytes = bytesOf[n];
      if (!bytes) continue;
      let node = layers.get(rows.layer[n]);
      const lost = hidden[n] ? bytes : 0;
      top.size += bytes; top.hidden += lost; node.size += bytes; node.hidden += lost;
      for (const part of paths[n].split("/")) {
        let next = node.below.get(part);
        if (!next) {
          next = { name: part, size: 0, hidden: 0, color: node.color, below: new Map(), above: node };
          node.below.set(part, next);
        }
        next.size += bytes; next.hidden += lost;
        node = next;
      }
    }
    return top;
  }
  // Rows of boxes along the shorter side, each as square as it gets (Bruls, Huizing, van Wijk: Squarified Treemaps).
  function place(boxes, x, y, width, height) {
    let sum = boxes.reduce((all, box) => all + box.size, 0);
    const found = [];
    for (let n = 0; n < boxes.length;) {
      const side = Math.min(width, height), scale = width * height / sum;
      let row = [], bytes = 0, worst = Infinity;
      while (n + row.length < boxes.length) {
        const box = boxes[n + row.length], more = bytes + box.size;
        const long = more * scale / side, smallest = box.size * scale / long, largest = boxes[n].size * scale / long;
        const ratio = Math.max(long / smallest, largest / long);
        if (ratio > worst) break;
        worst = ratio; bytes = more; row.push(box);
      }
      const long = bytes * scale / side;
      let at = 0;
      for (const box of row) {
        const part = box.size * scale / long;
        found.push(width >= height ? { box, x, y: y + at, width: long, height: part } : { box, x: x + at, y, width: part, height: long });
        at += part;
      }
      if (width >= height) { x += long; width -= long; } else { y += long; height -= long; }
      sum -= bytes;
      n += row.length;
    }
    return found;
  }
  const map = byId("map"), trail = byId("trail");
  let here = tree();
  // A chain of folders with one folder in each is opened at once.
  function opened(node) {
    while (node.below.size === 1 && node.above) {
      const [only] = node.below.values();
      if (!only.below.size) break;
      node = only;
    }
    return node;
  }
  function boxesOf(node) {
    const all = [...node.below.values()].filter((one) => one.size).sort((a, b) => b.size - a.size);
    const kept = all.slice(0, MOST_BOXES), rest = all.slice(MOST_BOXES);
    if (rest.length) {
      const bytes = rest.reduce((sum, one) => sum + one.size, 0), lost = rest.reduce((sum, one) => sum + one.hidden, 0);
      kept.push({ name: `${rest.length} smaller ones`, size: bytes, hidden: lost, color: node.color, below: new Map(), above: node });
      kept.sort((a, b) => b.size - a.size);
    }
    return kept;
  }
  // What is inside a box, to be seen and not to be opened.
  function drawInside(button, node, width, height) {
    for (const { box, x, y, width: wide, height: high } of place(boxesOf(opened(node)), 0, 0, width, height)) {
      if (wide < 3 || high < 3) continue;
      const inside = element("i", wide > 60 && high > 16 ? box.name : "");
      inside.setAttribute("aria-hidden", "true");
      Object.assign(inside.style, { left: `${x + 3}px`, top: `${y + 38}px`, width: `${wide}px`, height: `${high}px` });
      button.append(inside);
    }
  }
  function drawMap(focus) {
    map.replaceChildren();
    trail.replaceChildren();
    for (let node = here; node; node = node.above) {
      const item = element("li"), target = node;
      if (node === here) item.append(element("span", `${node.name} (${size(node.size)})`));
      else item.append(element("button", node.name, { type: "button", onclick: () => { here = target; drawMap(true); } }));
      if (node === here) item.firstChild.setAttribute("aria-current", "location");
      trail.prepend(item);
    }
    for (const { box, x, y, width, height } of place(boxesOf(here), 0, 0, 100, 100 * map.clientHeight / map.clientWidth)) {
      const part = 100 * map.clientHeight / map.clientWidth, button = element("button", undefined, { type: "button" });
      button.style.left = `${x}%`; button.style.top = `${100 * y / part}%`;
      button.style.width = `${width}%`; button.style.height = `${100 * height / part}%`;
      button.className = `c${box.color}${box.hidden > box.size / 2 ? " hidden" : ""}`;
      const lost = box.hidden ? `, ${size(box.hidden)} hidden` : "";
      button.title = `${box.name}: ${size(box.size)}${lost}${box.about ? "\n" + box.about : ""}`;
      button.setAttribute("aria-label", `${box.name}, ${size(box.size)}${lost}${box.below.size ? "" : ", a file"}`);
      button.tabIndex = map.childElementCount ? -1 : 0;
      const pixels = [width * map.clientWidth / 100, height * map.clientWidth / 100];
      if (pixels[0] > 34 && pixels[1] > 18) button.append(element("b", box.name));
      if (pixels[0] > 34 && pixels[1] > 36) button.append(element("span", size(box.size)));
      if (box.below.size && pixels[0] > 90 && pixels[1] > 70) drawInside(button, box, pixels[0] - 8, pixels[1] - 44);
      if (box.below.size) button.addEventListener("click", () => { here = opened(box); drawMap(true); });
      else button.addEventListener("click", () => { filters.search.value = box.above === here ? box.name : ""; filter(); });
      map.append(button);
    }
    if (focus && map.firstElementChild) map.firstElementChild.focus();
  }
  map.addEventListener("keydown", (event) => {
    const boxes = [...map.children], at = boxes.indexOf(document.activeElement);
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key === "Escape" && here.above) {
      here = here.above;
      while (here.above && here.above.above && here.below.size === 1) here = here.above;
      drawMap(true);
    } else if (event.key in steps && at >= 0) {
      event.preventDefault();
      const next = boxes[(at + steps[event.key] + boxes.length) % boxes.length];
      boxes[at].tabIndex = -1; next.tabIndex = 0;
      next.focus();
    }
  });
  let width = window.innerWidth;
  window.addEventListener("resize", () => { if (window.innerWidth !== width) { width = window.innerWidth; drawMap(false); } });

  filter();
  drawMap(false);
})();
