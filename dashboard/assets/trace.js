// The tree of a trace: the page holds the first rows; this loads the others as one small document and shows only those in
// view, so that ten thousand spans scroll like ten. A chosen span's panel is fetched from the server, where its text is escaped.
'use strict';
(() => {
  const page = document.getElementById('trace');
  const list = document.getElementById('tree');
  const detail = document.getElementById('detail');
  if (!page || !list || !detail) return;

  const HEIGHT = 28, MARGIN = 12, INDENT_MAX = 24;
  const SVG = 'http://www.w3.org/2000/svg';
  const [ID, DEPTH, BELOW, SORT, NAME, START, LONG, ERROR, TOKENS, COST, NOTE] = Array.from({ length: 11 }, (_, i) => i);

  const trace = page.dataset.trace;
  let tree = null;            // the document
  let shown = [];             // indices of rows that no folded ancestor hides
  const folded = new Set();   // indices of folded rows
  const live = new Map();     // position in `shown` -> element
  let cursor = 0;             // position of the keyboard
  let chosen = list.querySelector('[aria-selected="true"]')?.id.slice(2) ?? null;
  let spacer = null;
  let frame = null;           // the stretch of time that the bars are drawn on: start and length
  let asked = 0;              // the latest request for a panel; answers to earlier ones come too late

  let isZoomed = false;
  const zoomButton = document.createElement('button');

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const drawing = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const duration = (ns) => {
    const s = ns / 1e9;
    if (s < 1e-6) return `${ns} ns`;
    if (s < 1e-3) return `${Math.round(ns / 1e3)} µs`;
    if (s < 0.01) return `${(ns / 1e6).toFixed(1)} ms`;
    if (s < 0.9995) return `${Math.round(ns / 1e6)} ms`;
    if (s < 10) return `${s.toFixed(2)} s`;
    if (s < 59.95) return `${s.toFixed(1)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} m ${String(Math.floor(s % 60)).padStart(2, '0')} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} m`;
    return `${Math.floor(s / 86400)} d ${String(Math.floor((s % 86400) / 3600)).padStart(2, '0')} h`;
  };
  const short = (n) => {
    if (!n) return '';
    const [scaled, suffix] = n >= 999500 ? [n / 1e6, 'M'] : n >= 1000 ? [n / 1e3, 'k'] : [n, ''];
    const digits = !suffix || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
    return Number(scaled.toFixed(digits)) + suffix;
  };
  const money = (nano) => {
    if (nano === null) return '';
    const dollars = nano / 1e9;
    if (dollars === 0) return '$0.00';
    if (dollars >= 999.5) return `$${Math.round(dollars).toLocaleString('en')}`;
    const digits = [[0.0995, 2], [0.00995, 3], [0.000995, 4], [0.0000995, 5]].find(([from]) => dollars >= from)?.[1];
    return digits ? `$${dollars.toFixed(digits)}` : '< $0.0001';
  };

  const makeRow = (at) => {
    const index = shown[at];
    const row = tree.rows[index];
    const sort = tree.sorts[row[SORT]];
    const link = element('a', `row${row[ERROR] ? ' is-error' : ''}${at === cursor ? ' is-cursor' : ''}`);
    link.id = `s-${row[ID]}`;
    link.href = `/traces/${trace}?span=${row[ID]}`;
    link.tabIndex = -1;
    link.setAttribute('role', 'treeitem');
    link.setAttribute('aria-level', row[DEPTH] + 1);
    link.setAttribute('aria-selected', String(row[ID] === chosen));
    if (row[BELOW]) link.setAttribute('aria-expanded', String(!folded.has(index)));
    if (row[NOTE] !== null) link.title = tree.notes[row[NOTE]];
    link.style.top = `${at * HEIGHT}px`;
    link.dataset.at = at;

    const label = element('span', 'label');
    label.style.paddingLeft = `${6 + 14 * Math.min(row[DEPTH], INDENT_MAX)}px`;
    const fold = element('span', `fold${row[BELOW] ? '' : ' leaf'}`, folded.has(index) ? '▸' : '▾');
    fold.setAttribute('aria-hidden', 'true');
    const icon = drawing('svg', { class: `icon c-${sort}`, 'aria-hidden': 'true' });
    icon.append(drawing('use', { href: `#i-${sort}` }));
    const name = tree.names[row[NAME]] + (folded.has(index) ? ` (+${row[BELOW]})` : '');
    label.append(fold, icon, element('span', 'sr', `${tree.sort_labels[row[SORT]]}: `), element('span', 'name', name));
    if (row[NOTE] !== null) label.append(element('span', 'odd', '!'));
    if (row[ERROR]) label.append(element('span', 'sr', ', failed'));

    const from = (row[START] - frame.start) / frame.length * 100;
    const to = from + row[LONG] / frame.length * 100;
    const isSeen = to >= 0 && from <= 100;
    const x = Math.min(Math.max(from, 0), 99.6);
    const w = isSeen ? Math.min(Math.max(Math.min(to, 100) - x, 0.4), 100 - x) : 0;
    const bar = element('span', 'bar');
    bar.setAttribute('aria-hidden', 'true');
    const box = drawing('svg', { width: '100%', height: 10 });
    box.append(drawing('rect', { class: row[ERROR] ? 'f-bad' : `c-${sort}`, x: `${x}%`, width: `${w}%`, height: 10, rx: 2 }));
    bar.append(box);

    link.append(label, bar, element('span', 'num', duration(row[LONG])), element('span', 'num', short(row[TOKENS])), element('span', 'num', money(row[COST])));
    return link;
  };

  // shows the rows in view, and drops those that went out of it
  const draw = () => {
    const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - MARGIN);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + MARGIN);
    for (const [at, row] of live) {
      if (at < first || at >= last) {
        row.remove();
        live.delete(at);
      }
    }
    const fresh = document.createDocumentFragment();
    for (let at = first; at < last; at++) {
      if (live.has(at)) continue;
      const row = makeRow(at);
      live.set(at, row);
      fresh.append(row);
    }
    list.append(fresh);
    const active = live.get(cursor);
    if (active) list.setAttribute('aria-activedescendant', active.id);
    else list.removeAttribute('aria-activedescendant');
  };

  const redraw = () => {
    for (const row of live.values()) row.remove();
    live.clear();
    spacer.style.height = `${shown.length * HEIGHT}px`;
    draw();
  };

  const lay = () => {
    shown = [];
    for (let index = 0; index < tree.rows.length; index++) {
      shown.push(index);
      if (folded.has(index)) index += tree.rows[index][BELOW];
    }
  };

  const reveal = (at) => {
    const top = at * HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
  };

  const move = (at) => {
    live.get(cursor)?.classList.remove('is-cursor');
    cursor = Math.min(Math.max(at, 0), shown.length - 1);
    reveal(cursor);
    draw();
    live.get(cursor)?.classList.add('is-cursor');
  };

  const toggle = (at, close) => {
    const index = shown[at];
    if (!tree.rows[index][BELOW] || folded.has(index) === close) return;
    if (close) folded.add(index);
    else folded.delete(index);
    lay();
    cursor = Math.max(0, shown.indexOf(index));
    redraw();
  };

  const parentOf = (at) => {
    const depth = tree.rows[shown[at]][DEPTH];
    for (let above = at - 1; above >= 0; above--) if (tree.rows[shown[above]][DEPTH] < depth) return above;
    return at;
  };

  // draws the bars on the time of one span, or of the whole trace again
  const zoom = (index) => {
    const row = index === null ? null : tree.rows[index];
    frame = row && row[LONG] > 0 ? { start: row[START], length: row[LONG] } : { start: 0, length: Math.max(tree.duration_ns, 1) };
    const offset = frame.start ? `+${duration(frame.start)}` : '0';
    [offset, `+${duration(frame.start + frame.length / 2)}`, `+${duration(frame.start + frame.length)}`].forEach((text, i) => {
      document.querySelector(`.ticks span:nth-child(${i + 1})`).textContent = row ? text : text.replace('+', '');
    });
    zoomButton.textContent = row ? 'Whole trace' : 'Zoom to span';
    isZoomed = Boolean(row);
    redraw();
  };
  const toggleZoom = () => zoom(isZoomed ? null : shown[cursor]);

  // the panel is a page of the server's; it is taken over as it is, and scripts in a parsed document never run
  const open = async (id, remember) => {
    chosen = id;
    for (const row of list.querySelectorAll('.row')) row.setAttribute('aria-selected', String(row.id === `s-${id}`));
    const turn = ++asked;
    detail.classList.add('is-loading');
    try {
      const answer = await fetch(`/traces/${trace}/spans/${id}`, { headers: { accept: 'text/html' } });
      const text = await answer.text();
      if (turn !== asked) return;
      const panel = new DOMParser().parseFromString(text, 'text/html').getElementById('panel');
      detail.replaceChildren(panel && answer.ok ? document.adoptNode(panel) : element('p', 'problem', `This span could not be loaded (${answer.status}).`));
    } catch {
      if (turn === asked) detail.replaceChildren(element('p', 'problem', 'The server does not answer.'));
    }
    detail.classList.remove('is-loading');
    detail.scrollTop = 0;
    if (remember) history.pushState({ span: id }, '', `/traces/${trace}?span=${id}`);
  };

  list.addEventListener('click', (event) => {
    const row = event.target.closest('.row');
    if (!row || !tree || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const at = Number(row.dataset.at);
    if (event.target.closest('.fold:not(.leaf)')) return toggle(at, !folded.has(shown[at]));
    move(at);
    open(row.id.slice(2), true);
  });

  list.addEventListener('keydown', (event) => {
    if (!tree || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(list.clientHeight / HEIGHT) - 1);
    const steps = {
      ArrowDown: () => move(cursor + 1),
      ArrowUp: () => move(cursor - 1),
      PageDown: () => move(cursor + page),
      PageUp: () => move(cursor - page),
      Home: () => move(0),
      End: () => move(shown.length - 1),
      ArrowLeft: () => (folded.has(shown[cursor]) || !tree.rows[shown[cursor]][BELOW] ? move(parentOf(cursor)) : toggle(cursor, true)),
      ArrowRight: () => (folded.has(shown[cursor]) ? toggle(cursor, false) : tree.rows[shown[cursor]][BELOW] && move(cursor + 1)),
      Enter: () => open(tree.rows[shown[cursor]][ID], true),
      z: toggleZoom,
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  });

  window.addEventListener('popstate', () => {
    const id = new URL(window.location.href).searchParams.get('span');
    if (/^[0-9a-f]{16}$/.test(id ?? '')) open(id, false);
    else window.location.reload();
  });

  const foot = () => {
    const line = element('div', 'tree-foot');
    for (const [key, what] of [['↑↓', 'move'], ['↵', 'open'], ['←→', 'fold'], ['z', 'zoom']]) {
      const hint = element('span', '', what);
      hint.prepend(element('kbd', '', key));
      line.append(hint);
    }
    zoomButton.type = 'button';
    zoomButton.textContent = 'Zoom to span';
    zoomButton.title = 'Draw the bars on the time of the span under the cursor';
    zoomButton.addEventListener('click', toggleZoom);
    line.append(zoomButton);
    return line;
  };

  const start = async () => {
    const answer = await fetch(`/api/v1/traces/${trace}/tree`, { headers: { accept: 'application/json' } });
    if (!answer.ok) return;   // the rows and links of the page still work
    tree = await answer.json();
    lay();
    const hadFocus = list.contains(document.activeElement);
    const first = Number(list.dataset.first) * HEIGHT + list.scrollTop;
    list.replaceChildren();
    list.classList.add('is-virtual');
    spacer = element('div');
    spacer.setAttribute('role', 'presentation');
    list.append(spacer);
    frame = { start: 0, length: Math.max(tree.duration_ns, 1) };
    document.querySelector('.tree-pager')?.remove();
    list.after(foot());
    cursor = Math.max(0, shown.findIndex((index) => tree.rows[index][ID] === chosen));
    spacer.style.height = `${shown.length * HEIGHT}px`;
    list.scrollTop = first;
    if (first === 0) reveal(cursor);
    draw();
    list.addEventListener('scroll', draw, { passive: true });
    new ResizeObserver(draw).observe(list);
    if (hadFocus) list.focus();
    list.dataset.ready = 'true';
  };
  start().catch(() => {});
})();
