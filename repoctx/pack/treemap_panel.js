// Second script: words and figures beside the map. All text enters as text, never as HTML.
const LISTED = 25, KIDS = 12;
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

// --- words about one box -------------------------------------------------------------------
function facts(node) {
  const inside = view.root === top ? "" : `, ${share(node.tokens, view.root.tokens)} of this folder`;
  const rows = [["", shown(node.path) + (node.kids ? "/" : "")], ["Tokens", tokens(node.tokens)],
    ["Share", `${share(node.tokens, top.tokens)} of all${inside}`]];
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
  $("heaviest").replaceChildren(...table(["", "tokens", "share"], all.slice(0, LISTED).map((file) => {
    const place = make("small", shown(file.path.slice(0, file.path.length - file.name.length)), "path");
    place.title = shown(file.path);
    return [[button(shown(file.name), () => locate(file), "path"), place],
      tokens(file.tokens), share(file.tokens, root.tokens)];
  }), all.length - LISTED, "files"));
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
  const rows = data.segments.map(([name, n]) => {
    const part = "part" + Math.max(0, ["preamble", "base", "overlay", "tail"].indexOf(name));
    const box = make("div", "", part), swatch = make("span", "", `swatch ${part}`);
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
  if (data.window) rows.push(sum > data.window
    ? [make("strong", "over the window"), make("strong", tokens(sum - data.window)), ""]
    : ["room left", tokens(data.window - sum), ""], ["window", whole(data.window), ""]);
  $("segments").replaceChildren(...table(["", "tokens", data.window ? "of window" : "share"], rows));
  $("left").replaceChildren(...data.left_out.map(([reason, many, size, paths]) => {
    const box = make("details"), head = make("summary", `${shown(reason)} `);
    const rows = paths.map(([path, size]) => [make("span", shown(path), "path"), bytes(size)]);
    head.append(make("small", `${count(many, "path")}, ${bytes(size)}`));
    box.append(head, ...table(["largest", "size"], rows, many - paths.length, "paths"));
    return box;
  }));
  if (!data.left_out.length) $("left").append(make("p", "Nothing.", "more"));
}
