// What every page gets: the tooltip of charts, narrowing the range by a click on a bar, and a key for the search.
// Text from traces is only ever set as text, never as markup.
'use strict';
(() => {
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  document.body.append(tip);

  // a band carries its text in <title>; with the script at work the browser's own slow tooltip would double it
  for (const band of document.querySelectorAll('.chart .band')) {
    const title = band.querySelector('title');
    if (!title) continue;
    band.dataset.tip = title.textContent;
    title.remove();
  }

  const place = (event) => {
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, window.innerWidth - width - 8);
    const top = event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 10 : event.clientY + 18;
    tip.style.left = `${Math.max(left, 8)}px`;
    tip.style.top = `${top}px`;
  };
  document.addEventListener('pointermove', (event) => {
    const band = event.target instanceof Element ? event.target.closest('.band') : null;
    tip.hidden = !band;
    if (!band) return;
    tip.textContent = band.dataset.tip;
    place(event);
  });
  document.addEventListener('pointerleave', () => { tip.hidden = true; });

  // in the strip over the trace list a bar leads to the traces of its time, with the same filters
  document.addEventListener('click', (event) => {
    const band = event.target instanceof Element ? event.target.closest('[data-zoom] .band') : null;
    if (!band) return;
    const address = new URL(window.location.href);
    for (const name of ['range', 'older', 'newer']) address.searchParams.delete(name);
    address.searchParams.set('from', band.dataset.from);
    address.searchParams.set('to', band.dataset.to);
    window.location.assign(address);
  });

  document.addEventListener('keydown', (event) => {
    const typing = event.target instanceof Element && event.target.closest('input, textarea, select');
    const search = document.getElementById('q');
    if (event.key === '/' && search && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
  });
})();
