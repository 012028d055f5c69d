// Clicks through every page of a running dashboard in headless Chromium and judges what it sees.
//   node dashboard.mjs URL [--otlp URL] [--token TOKEN] [--shots DIR] [--paint-ms 1000]
// Prints one JSON line; exit 1 where it lists failures. With --otlp it first sends a trace of 10,000 spans and one with a script in
// every text, and waits until SQL sees them; without, it expects them under the same ids (the example `sample` has them).
// Needs CHROMIUM and BROWSER_MODULES: eval "$(../services/browser.sh start)".
import { mkdirSync } from 'node:fs';
import { open } from '../services/browser.mjs';
import { HOSTILE, LONG, send } from './traffic.mjs';

const [base, ...rest] = process.argv.slice(2);
const option = (name, otherwise) => (rest.includes(name) ? rest[rest.indexOf(name) + 1] : otherwise);
const shots = option('--shots'), token = option('--token'), paintMax = Number(option('--paint-ms', '1000'));
if (!base) {
  process.stderr.write('usage: dashboard.mjs URL [--otlp URL] [--token TOKEN] [--shots DIR] [--paint-ms N]\n');
  process.exit(2);
}

const failures = [], axeFound = {}, seen = [];
const check = (is, what) => is || failures.push(what);
if (option('--otlp')) await send(option('--otlp'), base, token);

const { browser, context, page, errors, outside, axe } = await open({ width: 1440, height: 900 });
await context.addInitScript(() => {
  globalThis.broken = [];
  document.addEventListener('securitypolicyviolation', (event) => globalThis.broken.push(`${event.violatedDirective} ${event.blockedURI}`));
});
page.on('dialog', (dialog) => { failures.push(`a dialog opened: ${dialog.message()}`); dialog.dismiss(); });

// what must hold on every page, whatever is on it
const judge = async (name, { dark = true } = {}) => {
  for (const colorScheme of dark ? ['light', 'dark'] : ['light']) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await axe();
    for (const { id, impact, nodes } of violations) {
      axeFound[impact] = (axeFound[impact] ?? 0) + 1;
      if (['serious', 'critical'].includes(impact)) failures.push(`axe ${impact} ${id} on ${name} (${colorScheme}): ${nodes[0].target.join(' ')}`);
    }
    if (shots) await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png` });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  const found = await page.evaluate(() => ({
    pwned: globalThis.pwned ?? null,
    broken: globalThis.broken,
    scripts: [...document.scripts].map((script) => script.getAttribute('src')),
    planted: document.querySelectorAll('img[src="x"], [onerror], [onload], a[href^="javascript:"]').length,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }));
  check(found.pwned === null, `a script of a trace ran on ${name}: ${found.pwned}`);
  check(found.broken.length === 0, `the content policy was broken on ${name}: ${found.broken}`);
  check(found.scripts.every((src) => src?.startsWith('/assets/')), `a foreign script on ${name}: ${found.scripts}`);
  check(found.planted === 0, `markup of a trace on ${name}`);
  check(found.wide <= 0, `${name} scrolls sideways by ${found.wide} px`);
  seen.push(name);
};
const go = async (path) => {
  const answer = await page.goto(new URL(path, base).href, { waitUntil: 'load' });
  check(answer.status() === 200, `${path} answers ${answer.status()}`);
};
const text = (selector) => page.locator(selector).first().innerText();

if (shots) mkdirSync(shots, { recursive: true });
if (token) {
  await page.goto(new URL('/traces', base).href);
  await judge('login');
  await page.fill('#token', token);
  await page.click('button.primary');
  check(new URL(page.url()).pathname === '/traces', 'the login does not lead back');
}

// overview: charts, the tooltip of a bar, another range
await go('/?range=28d');
check(await page.locator('figure.chart').count() >= 5, 'the overview has too few charts');
await page.locator('figure.chart').first().locator('.band').nth(40).hover();
check(await page.locator('.tip').isVisible(), 'no tooltip over a chart');
await page.mouse.move(2, 2);
await judge('overview');
await page.click('.ranges a:has-text("7d")');
check(page.url().includes('range=7d'), 'a range is not picked');

// trace list: search by key, a page further and back, narrow by a click on a bar
await go('/traces?range=28d');
check(await page.locator('table.traces tbody tr').count() > 0, 'the trace list is empty');
await judge('traces');
const first = await text('a.cover');
if (await page.locator('a[rel="next"]').count()) {
  const href = await page.locator('a.cover').first().getAttribute('href');
  await page.locator('a[rel="next"]').first().click();
  check(await page.locator('a.cover').first().getAttribute('href') !== href, 'the next page is the first one');
  await page.locator('a[rel="prev"]').first().click();
  check(await page.locator('a.cover').first().getAttribute('href') === href, 'the way back leads elsewhere');
}
await page.keyboard.press('/');
await page.keyboard.type('zzz-nowhere');
await page.keyboard.press('Enter');
await page.waitForURL(/q=zzz-nowhere/);
check((await text('p.found')).startsWith('0 trace'), 'a search for nothing finds something');
await page.locator('a.chip').first().click();
check(await text('a.cover') === first, 'a filter cannot be taken away');
const tall = page.locator('.strip figure').first().locator('.band');
await tall.nth(await tall.count() - 1).click();
await page.waitForURL(/from=\d+/);
await page.goBack();
await page.locator('a.cover').first().click();
check(/\/traces\/[0-9a-f]{32}$/.test(page.url()), 'a row does not lead to its trace');
await page.waitForSelector('#tree[data-ready]');
await judge('trace');

// a trace of 10,000 spans: first paint, then scrolling and the keyboard
const paints = [];
for (let i = 0; i < 3; i++) {
  await go(`/traces/${LONG}`);
  // The page may be loaded before it is painted, so the entry is waited for.
  paints.push(await page.evaluate(() => new Promise((resolve) => {
    new PerformanceObserver((list) => {
      const painted = list.getEntriesByName('first-contentful-paint')[0];
      if (painted) resolve(Math.round(painted.startTime));
    }).observe({ type: 'paint', buffered: true });
    setTimeout(() => resolve(1e9), 20_000);
  })));
}
paints.sort((a, b) => a - b);
check(paints[1] < paintMax, `first paint of 10,000 spans takes ${paints[1]} ms`);
const loading = Date.now();
await page.waitForSelector('#tree[data-ready]');
const readyMs = Date.now() - loading;
const rows = async () => page.locator('#tree .row').count();
check(await rows() < 120, `${await rows()} rows are in the document at once`);
const scroll = await page.evaluate(async () => {
  const tree = document.getElementById('tree');
  const frames = [];
  let bare = 0;
  for (let i = 0; i <= 60; i++) {
    const begin = performance.now();
    tree.scrollTop = (tree.scrollHeight - tree.clientHeight) * i / 60;
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - begin);
    const { top, bottom, left } = tree.getBoundingClientRect();
    for (const y of [top + 20, (top + bottom) / 2, bottom - 20]) if (!document.elementFromPoint(left + 60, y)?.closest('.row')) bare++;
  }
  return { worst: Math.round(Math.max(...frames)), bare, last: [...tree.querySelectorAll('.row')].at(-1)?.dataset.at };
});
check(scroll.bare === 0, `${scroll.bare} bare places while scrolling`);
check(scroll.last === '9999', `the last row is ${scroll.last}`);
await page.focus('#tree');
await page.keyboard.press('Home');
for (const key of ['ArrowDown', 'ArrowDown', 'Enter']) await page.keyboard.press(key);
await page.waitForFunction(() => document.querySelector('#tree [aria-selected="true"]')?.dataset.at === '2' && !document.querySelector('.is-loading'));
check((await text('#panel h2')).includes('chat'), 'enter does not open the span under the cursor');
await page.keyboard.press('Home');
await page.keyboard.press('ArrowLeft');
check(await rows() === 1, 'a folded root still shows what is below it');
await page.keyboard.press('ArrowRight');
await page.keyboard.press('z');
await judge('long-trace');
await page.goBack();
await page.waitForFunction(() => !document.querySelector('.is-loading'));

// SQL: run, a mistake, an example
await go('/sql');
await page.fill('#query', 'select trace_id, start_unix_nano from spans order by start_unix_nano limit 3');
await page.press('#query', 'Control+Enter');
await page.waitForSelector('#answer td');
check(/^\d{19}$/.test(await text('#answer td:nth-child(2)')), 'nanoseconds lose digits');
await judge('sql');
const before = errors.length;
await page.fill('#query', 'select nonsense from spans');
await page.click('#run');
await page.waitForSelector('#said.is-error');
errors.splice(before);   // Chromium notes the 400 that was asked for
await page.locator('.example').first().click();
await page.waitForSelector('#said:not(.is-error):has-text("row")');

// a script in every text: look at every span, open all that can be opened
await go(`/traces/${HOSTILE}`);
await page.waitForSelector('#tree[data-ready]');
const n = await rows();
check(n >= 3, 'the hostile trace has too few spans');
for (let i = 0; i < n; i++) {
  await page.locator('#tree .row').nth(i).click();
  await page.waitForFunction(() => !document.querySelector('.is-loading'));
  for (const one of await page.locator('#panel details:not([open]) > summary').all()) if (await one.isVisible()) await one.click();
  await judge(`hostile-${i}`, { dark: false });
}
const session = await page.locator('.trace-head a[href*="session="]').first().getAttribute('href').catch(() => null);
if (session) {
  await go(session);
  await judge('hostile-session', { dark: false });
}
await go('/?range=1h');
await judge('hostile-overview', { dark: false });
await go(`/sql?q=${encodeURIComponent(`select * from spans where trace_id = '${HOSTILE}'`)}`);
await page.click('#run');
await page.waitForSelector('#answer td');
await judge('hostile-sql', { dark: false });

// narrow, and without scripts
await page.setViewportSize({ width: 900, height: 800 });
for (const [name, path] of [['overview', '/?range=28d'], ['traces', '/traces?range=28d'], ['trace', `/traces/${LONG}`], ['sql', '/sql']]) {
  await go(path);
  await judge(`${name}-900`, { dark: false });
}
const cookies = await context.cookies();
const plain = await browser.newContext({ javaScriptEnabled: false });
await plain.addCookies(cookies);
const bare = await plain.newPage();
await bare.goto(new URL(`/traces/${LONG}`, base).href);
check(await bare.locator('#tree .row').count() === 300, 'without scripts the head of the tree is missing');
await bare.locator('.tree-pager a').last().click();
check(bare.url().includes('first=300'), 'without scripts the tree ends');
await bare.locator('#tree .row').first().click();
check((await bare.locator('#tree [aria-selected="true"]').count()) <= 1 && /span=[0-9a-f]{16}/.test(bare.url()), 'without scripts a span cannot be chosen');

await browser.close();
errors.forEach((error) => failures.push(`console: ${error}`));
outside.forEach((url) => failures.push(`left the machine: ${url}`));
const result = { ok: failures.length === 0, pages: seen.length, first_paint_ms: paints, tree_ready_ms: readyMs, scroll_worst_frame_ms: scroll.worst, axe: axeFound, failures };
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(result.ok ? 0 : 1);
