// Third script: draws the map, moves in it, listens.
const canvas = $("map"), over = $("over"), stage = $("stage"), tip = $("tip");
const COLOURS = 7, OTHER = 12, ANIMATION = 220;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const night = matchMedia("(prefers-color-scheme: dark)");

// --- colours and patterns (Okabe and Ito's, softened) ------------------------------------
const HUES = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [213, 94, 0], [86, 180, 233], [204, 121, 167], [240, 228, 66]];
const GREY = [150, 156, 163];
const STATES = [[2, ""], [4, "dots"], [1, "stripes"], [-1, "cross"], [5, "lines"]];
const printing = () => document.documentElement.classList.contains("printing");
const dark = () => night.matches && !printing();
const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function paint(key) {
  const [hue, pattern] = view.mode === "state" ? STATES[key]
    : key === OTHER ? [-1, ""] : [key % COLOURS, key >= COLOURS ? "stripes" : ""];
  const [ground, part] = dark() ? [14, 0.22] : [255, 0.24];
  const rgb = (hue < 0 ? GREY : HUES[hue]).map((c) => Math.round(c * (1 - part) + ground * part));
  const light = rgb[0] * 0.299 + rgb[1] * 0.587 + rgb[2] * 0.114;
  return { fill: `rgb(${rgb})`, ink: light > 115 ? "#0b0f14" : "#fff", pattern };
}
function tile(kind, ink) {
  const square = document.createElement("canvas"), pen = square.getContext("2d");
  square.width = square.height = 8;
  pen.strokeStyle = pen.fillStyle = ink;
  pen.globalAlpha = 0.38;
  pen.lineWidth = 1.6;
  const lines = { stripes: [[-2, 6, 2, 10], [-2, 10, 10, -2], [6, -2, 2, 2], [6, 10, 10, 6]],
    cross: [[0, 0, 8, 8], [0, 8, 8, 0]], lines: [[0, 2, 8, 2], [0, 6, 8, 6]], dots: [] }[kind];
  pen.beginPath();
  for (const [x, y, x2, y2] of lines) { pen.moveTo(x, y); pen.lineTo(x2, y2); }
  pen.stroke();
  if (kind === "dots") for (const [x, y] of [[1, 1], [5, 5]]) pen.fillRect(x, y, 2, 2);
  return pen.createPattern(square, "repeat");
}
function category(file, branch) {
  if (view.mode === "state") return file.state;
  if (view.mode === "folder") return Math.min(branch, OTHER);
  return data.languages[file.lang] ? Math.min(file.lang, OTHER) : OTHER;
}
function categoryName(key) {
  if (view.mode === "state") return data.states[key][0];
  if (key === OTHER) return view.mode === "folder" ? "everything else" : "other or none";
  return view.mode === "folder" ? label(view.root.kids[key]) : language(key);
}
const language = (n) => shown(data.languages[n]) || "no language";

// --- drawing ---------------------------------------------------------------------------
function sized(target) {
  const scale = devicePixelRatio || 1, { width, height } = stage.getBoundingClientRect();
  target.width = Math.max(1, Math.round(width * scale));
  target.height = Math.max(1, Math.round(height * scale));
  const pen = target.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  return [pen, width, height];
}
// Cut in the middle: what tells siblings apart is often at the end.
function fitted(pen, text, room) {
  const width = pen.measureText(text).width;
  if (width <= room) return text;
  const letters = [...text];
  for (let keep = Math.min(letters.length - 1, Math.ceil(room / width * letters.length)); keep > 2; keep -= 1) {
    const head = Math.ceil(keep / 2);
    const cut = letters.slice(0, head).join("") + "…" + letters.slice(head - keep).join("");
    if (pen.measureText(cut).width <= room) return cut;
  }
  return "";
}
const wanted = (cell) => (view.query || view.picked >= 0
  ? cell.node.kids ? cell.node.hits > 0 : lit(cell.node, cell.branch) : true);
const lit = (file, branch) => (!view.query || file.hits > 0)
  && (view.picked < 0 || category(file, branch) === view.picked);
function draw() {
  const [pen, width, height] = sized(canvas);
  view.cells = layout(view.root, width, height);
  view.at = new Map(view.cells.map((cell) => [cell.node, cell]));
  $("empty").hidden = view.cells.length > 0;
  const frames = [variable("--frame0"), variable("--frame1")], ink = variable("--ink"), paints = new Map();
  const searching = view.query || view.picked >= 0;
  pen.textBaseline = "middle";
  for (const cell of view.cells) {
    const { node, x, y, w, h } = cell, gap = w > 5 && h > 5 ? 1 : w > 2 && h > 2 ? 0.4 : 0;
    if (node.kids && !cell.solid) {
      pen.fillStyle = frames[cell.depth % 2];
      pen.fillRect(x, y, w - gap, h - gap);
      if (cell.head) heading(pen, cell, ink);
      continue;
    }
    const key = category(node.kids ? node.first : node, cell.branch);
    if (!paints.has(key)) {
      const made = paint(key);
      paints.set(key, { ...made, tile: made.pattern && tile(made.pattern, made.ink) });
    }
    const look = paints.get(key), on = wanted(cell);
    pen.globalAlpha = on ? 1 : 0.14;
    pen.fillStyle = look.fill;
    pen.fillRect(x, y, w - gap, h - gap);
    if (look.tile && w > 3 && h > 3) { pen.fillStyle = look.tile; pen.fillRect(x, y, w - gap, h - gap); }
    if (searching && on && w > 7 && h > 7) {
      pen.strokeStyle = ink;
      pen.lineWidth = 1;
      pen.strokeRect(x + 0.5, y + 0.5, w - gap - 1, h - gap - 1);
    }
    if (w >= 42 && h >= 17) caption(pen, cell, look);
    pen.globalAlpha = 1;
  }
  outline();
}
function heading(pen, cell, ink) {
  pen.fillStyle = ink;
  pen.font = "600 11.5px system-ui, 'DejaVu Sans', sans-serif";
  const name = fitted(pen, label(cell.node), cell.w - 10), used = pen.measureText(name).width;
  pen.fillText(name, cell.x + 5, cell.y + 9.5);
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  const figure = short(cell.node.tokens), room = pen.measureText(figure).width;
  if (used + room + 18 > cell.w) return;
  pen.globalAlpha = 0.75;
  pen.fillText(figure, cell.x + cell.w - room - 6, cell.y + 9.5);
  pen.globalAlpha = 1;
}
function caption(pen, cell, look) {
  pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
  const name = fitted(pen, label(cell.node), cell.w - 9);
  if (!name) return;
  const rows = cell.h >= 34 ? [name, fitted(pen, short(cell.node.tokens), cell.w - 9)] : [name];
  // Letters on a pattern need quiet ground.
  if (look.pattern) {
    pen.fillStyle = look.fill;
    for (const [n, row] of rows.entries()) pen.fillRect(cell.x + 2, cell.y + 2 + 14 * n, pen.measureText(row).width + 5, 14);
  }
  pen.fillStyle = look.ink;
  for (const [n, row] of rows.entries()) pen.fillText(row, cell.x + 4.5, cell.y + 9.5 + 14 * n);
}
function outline() {
  const [pen] = sized(over);
  const ring = (cell, widths) => {
    for (const [colour, line] of widths) {
      pen.strokeStyle = colour;
      pen.lineWidth = line;
      pen.strokeRect(cell.x + 1, cell.y + 1, Math.max(1, cell.w - 3), Math.max(1, cell.h - 3));
    }
  };
  const hover = view.at.get(view.hover), focus = view.at.get(view.focus);
  if (hover) ring(hover, [[variable("--ink"), 2]]);
  if (focus) ring(focus, [[variable("--panel"), 5], [variable("--accent"), 2.5]]);
}
// Zoom: the shallower picture grows out of, or shrinks into, the folder's box.
let turn = 0;
function animate(before, box, inward) {
  turn += 1;
  if (still.matches || printing() || !box || document.hidden) return;
  const mine = turn, after = copy(canvas), pen = canvas.getContext("2d"), start = performance.now();
  const { width, height } = stage.getBoundingClientRect();
  const [far, near] = inward ? [before, after] : [after, before];
  const step = (now) => {
    if (mine !== turn) return;
    const t = Math.min(1, Math.max(0, (now - start) / ANIMATION)), ease = t * t * (3 - 2 * t), k = inward ? ease : 1 - ease;
    if (t === 1) { draw(); return; }
    const x = box.x * (1 - k), y = box.y * (1 - k);
    const w = box.w + (width - box.w) * k, h = box.h + (height - box.h) * k;
    const sx = w / box.w, sy = h / box.h;
    pen.globalAlpha = 1;
    pen.drawImage(far, x - box.x * sx, y - box.y * sy, width * sx, height * sy);
    pen.globalAlpha = k;
    pen.drawImage(near, x, y, w, h);
    pen.globalAlpha = 1;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
function copy(source) {
  const made = document.createElement("canvas");
  made.width = source.width;
  made.height = source.height;
  made.getContext("2d").drawImage(source, 0, 0);
  return made;
}

// --- moving ------------------------------------------------------------------------------
function open(node, focus = null) {
  const old = view.root, before = copy(canvas), from = view.at.get(node);
  view.root = node;
  view.hover = null;
  view.focus = focus;
  if (view.mode === "folder") view.picked = -1;
  refresh();
  tip.hidden = true;
  // The button that was pressed may be gone with its list.
  if (document.activeElement === document.body) canvas.focus({ preventScroll: true });
  if (old !== node) animate(before, from || view.at.get(old), Boolean(from));
  const address = "#" + (node === top ? "" : folders.indexOf(node));
  if (location.hash !== address && (location.hash || node !== top)) location.hash = address;
}
const up = () => { if (view.root.parent) open(view.root.parent, view.root); };
function fromAddress() {
  const node = folders[Number(location.hash.slice(1) || 0)];
  const valid = node && !node.gone ? node : top;
  if (valid !== view.root) open(valid);
}
function at(x, y) {
  for (let n = view.cells.length - 1; n >= 0; n -= 1) {
    const cell = view.cells[n];
    if (x >= cell.x && x < cell.x + cell.w && y >= cell.y && y < cell.y + cell.h) return cell;
  }
  return null;
}
// A folder's own strip opens that folder; its files open one level.
function click(cell) {
  let node = cell.node;
  if (!node.kids || cell.solid) while (node.parent !== view.root) node = node.parent;
  if (node.kids) open(node);
  else focusOn(node);
}
function focusOn(node) {
  view.focus = node;
  outline();
  const cell = view.at.get(node);
  if (cell) tell(cell, cell.x + cell.w / 2, cell.y + Math.min(cell.h, 60));
  $("says").textContent = facts(node).map(([name, text]) => `${name} ${text}`).join(", ");
}
function step(dx, dy) {
  const from = view.at.get(view.focus), kids = view.root.kids.filter((kid) => view.at.has(kid));
  if (!kids.length) return;
  if (!from || view.focus.parent !== view.root) { focusOn(kids[0]); return; }
  const middle = (cell) => [cell.x + cell.w / 2, cell.y + cell.h / 2], [fx, fy] = middle(from);
  let best = null, least = Infinity;
  for (const kid of kids) {
    const cell = view.at.get(kid), [x, y] = middle(cell);
    const ahead = dx ? dx * (x - fx) : dy * (y - fy);
    if (kid === view.focus || ahead <= 0) continue;
    const aside = dx ? Math.max(0, cell.y - from.y - from.h, from.y - cell.y - cell.h) + Math.abs(y - fy) / 4
      : Math.max(0, cell.x - from.x - from.w, from.x - cell.x - cell.w) + Math.abs(x - fx) / 4;
    if (ahead + 3 * aside < least) { least = ahead + 3 * aside; best = kid; }
  }
  if (best) focusOn(best);
}

// --- legend, search, refresh -----------------------------------------------------------------
function marked() {
  for (const node of folders) node.hits = 0;
  let many = 0, sum = 0;
  for (const file of files) file.hits = view.query && file.find.includes(view.query) ? 1 : 0;
  const filtered = view.query || view.picked >= 0;
  if (filtered) for (const [n, kid] of view.root.kids.entries()) for (const file of kid.kids ? below(kid) : [kid]) {
    if (lit(file, n)) for (let up = file.parent; up; up = up.parent) up.hits += 1;
  }
  for (const file of files) if (file.hits) { many += 1; sum += file.tokens; }
  $("found").textContent = view.query ? `${count(many, "file")}, ${tokens(sum)} tokens` : "";
}
function legend() {
  const sums = new Map();
  for (const [n, kid] of view.root.kids.entries()) for (const file of kid.kids ? below(kid) : [kid]) {
    const key = category(file, n);
    sums.set(key, (sums.get(key) || 0) + file.tokens);
  }
  $("legend").replaceChildren(...[...sums].sort((a, b) => a[0] - b[0]).map(([key, sum]) => {
    const item = make("li"), look = paint(key), swatch = document.createElement("canvas"), pen = swatch.getContext("2d");
    swatch.width = swatch.height = 16;
    for (const style of [look.fill, look.pattern && tile(look.pattern, look.ink)]) {
      if (style) { pen.fillStyle = style; pen.fillRect(0, 0, 16, 16); }
    }
    const press = button("", () => {
      view.picked = view.picked === key ? -1 : key;
      for (const other of $("legend").querySelectorAll("button")) {
        other.setAttribute("aria-pressed", String(other === press && view.picked === key));
      }
      marked();
      draw();
    });
    press.setAttribute("aria-pressed", String(view.picked === key));
    press.append(swatch, make("span", categoryName(key)), make("small", share(sum, view.root.tokens)));
    item.append(press);
    return item;
  }));
}
function refresh() {
  const trail = [];
  for (let node = view.root; node; node = node.parent) trail.unshift(node);
  $("crumbs").replaceChildren(...trail.map((node) => {
    const item = make("li"), here = node === view.root, name = shown(node.name);
    const part = here ? make("span", name, "path") : button(name, () => open(node, view.root), "path");
    if (here) part.setAttribute("aria-current", "location");
    item.append(part);
    return item;
  }));
  marked();
  legend();
  panel();
  draw();
}

// --- events -------------------------------------------------------------------------------------
canvas.addEventListener("pointermove", (event) => {
  const cell = at(event.offsetX, event.offsetY);
  if (cell?.node !== view.hover) { view.hover = cell?.node || null; outline(); }
  if (cell) tell(cell, event.offsetX, event.offsetY);
  else tip.hidden = true;
});
canvas.addEventListener("pointerleave", () => { view.hover = null; tip.hidden = true; outline(); });
canvas.addEventListener("click", (event) => { const cell = at(event.offsetX, event.offsetY); if (cell) click(cell); });
canvas.addEventListener("blur", () => { tip.hidden = true; });
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
canvas.addEventListener("keydown", (event) => {
  const inside = view.focus && view.at.get(view.focus);
  if (ARROWS[event.key]) step(...ARROWS[event.key]);
  else if ((event.key === "Enter" || event.key === " ") && inside && view.focus.kids) { open(view.focus); step(1, 0); }
  else if (event.key === "Backspace") up();
  else if (event.key === "Home") open(top);
  else return;
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (view.query) { $("search").value = view.query = ""; marked(); draw(); } else up();
  } else if (event.key === "/" && event.target !== $("search")) $("search").focus();
  else return;
  event.preventDefault();
});
$("search").addEventListener("input", (event) => { view.query = event.target.value.toLowerCase(); marked(); draw(); });
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("controls").addEventListener("change", (event) => {
  if (event.target.name !== "mode") return;
  view.mode = event.target.value;
  view.picked = -1;
  marked();
  legend();
  draw();
});
addEventListener("hashchange", fromAddress);
const recolour = () => { legend(); draw(); };
night.addEventListener("change", recolour);
for (const [name, on] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(name, () => { document.documentElement.classList.toggle("printing", on); recolour(); });
}
once();
refresh();
fromAddress();
new ResizeObserver(() => { turn += 1; draw(); }).observe(stage);
// What a test looks at: where the boxes lie and what they stand for.
window.repoctxMap = Object.freeze({
  here: () => view.root.path,
  focus: () => view.focus?.path ?? null,
  cells: () => view.cells.map(({ node, x, y, w, h, head, branch }) => ({ path: node.path, folder: Boolean(node.kids),
    tokens: node.tokens, x, y, w, h, head, top: node.parent === view.root, lit: wanted({ node, branch }) })),
  folders: () => folders.filter((node) => !node.gone).map((node) => [node.path, node.tokens, node.files]),
});
