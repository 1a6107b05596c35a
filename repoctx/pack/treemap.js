
// The map's page: a squarified treemap (Bruls, Huizing and van Wijk, 2000) on a canvas.
// All that is shown comes from the JSON beside this script and enters the page as text.
"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const canvas = $("map"), over = $("over"), stage = $("stage"), tip = $("tip");
const LISTED = 25, KIDS = 12, COLOURS = 7, ANIMATION = 220;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const night = matchMedia("(prefers-color-scheme: dark)");

// --- words and numbers ---------------------------------------------------------------
const whole = (n) => n.toLocaleString("en-US");
const tokens = (n) => (data.exact ? "" : "~") + whole(n);
const share = (part, all) => (all ? (100 * part / all).toFixed(1) : "0.0") + "%";
const scaled = (n, step, units) => {
  let unit = 0;
  while (n >= step * 0.9995 && unit < units.length - 1) { n /= step; unit += 1; }
  return (unit ? n.toFixed(n < 99.95 ? 1 : 0) : n) + units[unit];
};
const short = (n) => scaled(n, 1000, ["", "k", "M", "G"]);
const bytes = (n) => scaled(n, 1024, [" B", " KiB", " MiB", " GiB"]);
const count = (n, word) => `${whole(n)} ${word}${n === 1 ? "" : "s"}`;
// Controls, line separators and bidi marks would lie about a path; bytes that are not
// UTF-8 came as surrogate escapes. All become visible escapes.
const UNSEEN = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f\\u200b\\u200e\\u200f\\u2028-\\u202e" +
  "\\u2060-\\u2069\\ufeff\\ufff9-\\ufffb]|[\\ud800-\\udbff](?![\\udc00-\\udfff])|" +
  "(?<![\\ud800-\\udbff])[\\udc00-\\udfff]", "g");
const shown = (text) => text.replace(UNSEEN, (c) => {
  const code = c.charCodeAt(0), byte = code >= 0xdc80 && code <= 0xdcff ? code - 0xdc00 : code;
  return byte < 256 ? "\\x" + byte.toString(16).padStart(2, "0") : "\\u" + byte.toString(16);
});
const make = (tag, text = "", cls = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (cls) element.className = cls;
  return element;
};
const button = (text, act, cls = "") => {
  const element = make("button", text, cls);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
};

// --- the tree ------------------------------------------------------------------------
const folders = [], files = [];
const folder = (name, parent) => {
  const made = { name, parent, kids: [], inside: new Map(), tokens: 0, size: 0, files: 0, hits: 0 };
  folders.push(made);
  return made;
};
function build(rows) {
  const top = folder(data.name, null);
  for (const [path, lang, tokens, size, state] of rows) {
    const parts = path.split("/"), name = parts.pop();
    let at = top;
    for (const part of parts) {
      let next = at.inside.get(part);
      if (!next) {
        at.inside.set(part, next = folder(part, at));
        at.kids.push(next);
      }
      at = next;
    }
    const file = { name, path, parent: at, lang, tokens, size, state, files: 1, hits: 0, find: path.toLowerCase() };
    at.kids.push(file);
    files.push(file);
    for (let up = at; up; up = up.parent) {
      up.tokens += tokens;
      up.size += size;
      up.files += 1;
    }
  }
  return top;
}
function settle(top) {
  // A folder with nothing but one folder is one step, so that deep trees stay shallow.
  for (const node of folders) {
    while (node !== top && !node.gone && node.kids.length === 1 && node.kids[0].kids) {
      const only = node.kids[0];
      only.gone = true;
      node.name += "/" + only.name;
      node.kids = only.kids;
      for (const kid of node.kids) kid.parent = node;
    }
    if (node.gone) continue;
    node.path = node.parent?.parent ? node.parent.path + "/" + node.name : node === top ? "" : node.name;
    node.kids.sort((a, b) => b.tokens - a.tokens || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }
  for (let n = folders.length - 1; n >= 0; n -= 1) {
    folders[n].first = folders[n].kids[0]?.kids ? folders[n].kids[0].first : folders[n].kids[0];
  }
}
function below(node) {
  const found = [], open = [node];
  while (open.length) for (const kid of open.pop().kids) (kid.kids ? open : found).push(kid);
  return found.sort((a, b) => b.tokens - a.tokens || (a.path < b.path ? -1 : 1));
}
const label = (node) => (node.parent ? shown(node.name) + (node.kids ? "/" : "") : shown(node.name));

const top = build(data.files);
settle(top);
const view = { root: top, mode: "language", query: "", picked: -1, hover: null, focus: null, cells: [], at: new Map() };

// --- layout --------------------------------------------------------------------------
function squarify(kids, x, y, w, h, place) {
  let left = kids.reduce((sum, kid) => sum + kid.tokens, 0), next = 0;
  while (next < kids.length && kids[next].tokens > 0 && w > 0 && h > 0) {
    const side = Math.min(w, h), scale = w * h / left, from = next;
    let sum = 0, worst = Infinity;
    for (; next < kids.length && kids[next].tokens > 0; next += 1) {
      const thick = (sum + kids[next].tokens) * scale / side;
      const longest = kids[from].tokens * scale / thick, shortest = kids[next].tokens * scale / thick;
      const ratio = Math.max(longest / thick, thick / shortest);
      if (ratio > worst) break;
      worst = ratio;
      sum += kids[next].tokens;
    }
    const thick = sum * scale / side;
    let along = 0;
    for (const kid of kids.slice(from, next)) {
      const long = kid.tokens * scale / thick;
      if (w >= h) place(kid, x, y + along, thick, long);
      else place(kid, x + along, y, long, thick);
      along += long;
    }
    if (w >= h) { x += thick; w -= thick; } else { y += thick; h -= thick; }
    left -= sum;
  }
}
function layout(root, width, height) {
  const cells = [];
  const fill = (node, x, y, w, h, depth, branch) =>
    squarify(node.kids, x, y, w, h, (kid, x, y, w, h) => {
      const cell = { node: kid, x, y, w, h, depth, head: 0, branch: branch < 0 ? root.kids.indexOf(kid) : branch };
      cells.push(cell);
      if (!kid.kids) return;
      // Too small to tell its files apart: one box in the colour of its heaviest file.
      cell.solid = Math.min(w, h) < 5 || w * h < 60;
      if (cell.solid) return;
      cell.head = w >= 46 && h >= 34 ? 18 : 0;
      const pad = Math.min(w, h) < 16 ? 0.5 : 2;
      fill(kid, x + pad, y + (cell.head || pad), w - 2 * pad, h - pad - (cell.head || pad), depth + 1, cell.branch);
    });
  fill(root, 0, 0, width, height, 0, -1);
  return cells;
}

// --- colours and patterns (Okabe and Ito's, softened) ------------------------------------
const HUES = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [213, 94, 0], [86, 180, 233], [204, 121, 167], [240, 228, 66]];
const GREY = [150, 156, 163];
const STATES = [[2, ""], [4, "dots"], [1, "stripes"], [-1, "cross"], [5, "lines"]];
const printing = () => document.documentElement.classList.contains("printing");
const dark = () => night.matches && !printing();
const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
function paint(key) {
  const [hue, pattern] = view.mode === "state" ? STATES[key]
    : key >= 2 * COLOURS ? [-1, ""] : [key % COLOURS, key >= COLOURS ? "stripes" : ""];
  const [ground, part] = dark() ? [14, 0.3] : [255, 0.24];
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
const category = (file, branch) =>
  Math.min(view.mode === "language" ? file.lang : view.mode === "state" ? file.state : branch, 2 * COLOURS);
function categoryName(key) {
  if (view.mode === "state") return data.states[key][0];
  if (key >= 2 * COLOURS) return view.mode === "folder" ? "everything else" : "other languages";
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
function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  const letters = [...text].slice(0, 120);
  while (letters.length && pen.measureText(letters.join("") + "…").width > room) letters.pop();
  return letters.length > 1 ? letters.join("") + "…" : "";
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
    if (searching && on && w > 4 && h > 4) {
      pen.strokeStyle = ink;
      pen.lineWidth = 1.5;
      pen.strokeRect(x + 0.75, y + 0.75, w - gap - 1.5, h - gap - 1.5);
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
      pen.strokeRect(cell.x + 2, cell.y + 2, Math.max(1, cell.w - 5), Math.max(1, cell.h - 5));
    }
  };
  const hover = view.at.get(view.hover), focus = view.at.get(view.focus);
  if (hover) ring(hover, [[variable("--ink"), 2]]);
  if (focus) ring(focus, [[variable("--panel"), 6], [variable("--accent"), 3]]);
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

// --- words about one box -------------------------------------------------------------------
function facts(node) {
  const rows = [["", shown(node.path) + (node.kids ? "/" : "")], ["Tokens", tokens(node.tokens)],
    ["Share", `${share(node.tokens, top.tokens)} of all` + (view.root === top ? "" : `, ${share(node.tokens, view.root.tokens)} of this folder`)]];
  if (node.kids) rows.push(["Holds", count(node.files, "file")]);
  else {
    const [state, meaning] = data.states[node.state];
    rows.push(["Language", language(node.lang)], ["State", `${state}: ${meaning}`]);
  }
  rows.push(["Size", bytes(node.size)]);
  return rows;
}
function tell(cell, x, y) {
  const [title, ...rows] = facts(cell.node), list = make("dl");
  for (const [name, text] of rows) list.append(make("dt", name), make("dd", text));
  tip.replaceChildren(make("strong", title[1], "path"), list);
  tip.hidden = false;
  const { width, height } = stage.getBoundingClientRect(), gap = 14;
  const left = Math.max(0, x + gap + tip.offsetWidth > width ? x - gap - tip.offsetWidth : x + gap);
  const above = y + gap + tip.offsetHeight > height ? Math.max(0, y - gap - tip.offsetHeight) : y + gap;
  tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(above)}px)`;
}

// --- the side panel ------------------------------------------------------------------------
function table(heads, rows, hidden = 0, word = "") {
  const made = make("table"), line = made.createTHead().insertRow(), body = made.createTBody();
  for (const head of heads) { const cell = make("th", head); cell.scope = "col"; line.append(cell); }
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) {
      const place = line.insertCell();
      place.append(...[cell].flat());
    }
  }
  const parts = [made];
  if (hidden > 0) parts.push(make("p", `${whole(hidden)} more ${word}`, "more"));
  return parts;
}
function bar(part, all) {
  const made = make("div", "", "bar");
  made.style.width = `${all ? 100 * part / all : 0}%`;
  return made;
}
function panel() {
  const { root } = view, all = below(root), kids = root.kids.slice(0, KIDS);
  $("here").textContent = root === top ? "Top level" : `In ${shown(root.path)}/`;
  $("kids").replaceChildren(...table(["", "tokens", "share"], kids.map((kid) => [
    [button(label(kid), () => (kid.kids ? open(kid) : locate(kid)), "path"), bar(kid.tokens, root.kids[0].tokens)],
    tokens(kid.tokens), share(kid.tokens, root.tokens)]), root.kids.length - kids.length, "entries"));
  $("heaviest").replaceChildren(...table(["", "tokens", "share"], all.slice(0, LISTED).map((file) => [
    [button(shown(file.name), () => locate(file), "path"), make("small", shown(file.path.slice(0, -file.name.length)), "path")],
    tokens(file.tokens), share(file.tokens, root.tokens)]), all.length - LISTED, "files"));
  const tally = (key, names) => {
    const rows = names.map((name) => ({ name, files: 0, tokens: 0 }));
    for (const file of all) { rows[file[key]].files += 1; rows[file[key]].tokens += file.tokens; }
    return table(["", "files", "tokens", "share"], rows.filter((row) => row.files).sort((a, b) => b.tokens - a.tokens)
      .map((row) => [row.name, whole(row.files), tokens(row.tokens), share(row.tokens, root.tokens)]));
  };
  $("languages").replaceChildren(...tally("lang", data.languages.map((_, n) => language(n))));
  $("states").replaceChildren(...tally("state", data.states.map(([name]) => name)));
}
function locate(file) {
  open(file.parent, file);
  focusOn(file);
  stage.scrollIntoView({ block: "nearest" });
}
function once() {
  document.title = `${shown(data.name)} · repoctx map`;
  $("name").textContent = shown(data.name);
  const sum = data.segments.reduce((sum, [, n]) => sum + n, 0), wide = Math.max(sum, data.window);
  $("totals").textContent = `${tokens(top.tokens)} tokens in ${count(top.files, "file")}, ${bytes(top.size)}`;
  const rows = data.segments.map(([name, n], part) => {
    const box = make("div", "", `part${part % 4}`), swatch = make("span", "", `swatch part${part % 4}`);
    box.style.width = `${wide ? 100 * n / wide : 0}%`;
    if (n) $("ribbon").append(box);
    return [[swatch, shown(name)], tokens(n), share(n, data.window || sum)];
  });
  if (sum > data.window && data.window) {
    const limit = make("div", "", "limit");
    limit.style.left = `${100 * data.window / wide}%`;
    $("ribbon").append(limit);
  }
  rows.push(["together", tokens(sum), share(sum, data.window || sum)]);
  if (data.window) rows.push([sum > data.window ? "over the window" : "room left", tokens(Math.abs(data.window - sum)), ""], ["window", whole(data.window), ""]);
  $("segments").replaceChildren(...table(["", "tokens", data.window ? "of window" : "share"], rows));
  $("left").replaceChildren(...data.left_out.map(([reason, many, size, paths]) => {
    const box = make("details"), head = make("summary", `${shown(reason)} `);
    head.append(make("small", `${count(many, "path")}, ${bytes(size)}`));
    box.append(head, ...table(["largest", "size"], paths.map(([path, size]) => [make("span", shown(path), "path"), bytes(size)]), many - paths.length, "paths"));
    return box;
  }));
  if (!data.left_out.length) $("left").append(make("p", "Nothing.", "more"));
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
    const press = button("", () => { view.picked = view.picked === key ? -1 : key; marked(); legend(); draw(); $("legend").querySelector("[aria-pressed=true]")?.focus(); });
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
})();
