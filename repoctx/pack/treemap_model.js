// First of the page's three scripts, which share one scope: the data as a tree, and the
// squarified layout (Bruls, Huizing and van Wijk, 2000). Draws nothing.
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);

// --- words and numbers ---------------------------------------------------------------
const whole = (n) => n.toLocaleString("en-US");
const tokens = (n) => (data.exact ? "" : "~") + whole(n);
const share = (part, all) => {
  const percent = all ? 100 * part / all : 0;
  return percent > 0 && percent < 0.05 ? "<0.1%" : percent.toFixed(1) + "%";
};
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
const HEADED = 6; // Levels with names: more would leave the files no room.
function layout(root, width, height) {
  const cells = [];
  const fill = (node, x, y, w, h, depth, branch) => {
    let nth = 0;
    squarify(node.kids, x, y, w, h, (kid, x, y, w, h) => {
      const cell = { node: kid, x, y, w, h, depth, head: 0, branch: branch < 0 ? nth : branch };
      nth += 1;
      cells.push(cell);
      if (!kid.kids) return;
      // Too small to tell its files apart: one box in the colour of its heaviest file.
      cell.solid = Math.min(w, h) < 5 || w * h < 60;
      if (cell.solid) return;
      cell.head = depth < HEADED && w >= 58 && h >= 40 ? 18 : 0;
      const pad = Math.min(w, h) < 16 ? 0.5 : 2;
      fill(kid, x + pad, y + (cell.head || pad), w - 2 * pad, h - pad - (cell.head || pad), depth + 1, cell.branch);
    });
  };
  fill(root, 0, 0, width, height, 0, -1);
  return cells;
}
