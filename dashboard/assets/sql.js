// The SQL page: run the query over the API, show the rows as text.
'use strict';
(() => {
  const query = document.getElementById('query');
  const run = document.getElementById('run');
  const csv = document.getElementById('csv');
  const said = document.getElementById('said');
  const answer = document.getElementById('answer');
  const ROWS_SHOWN = 1000;

  const say = (text, isError) => {
    said.textContent = text;
    said.classList.toggle('is-error', Boolean(isError));
  };

  const ask = (format) => fetch('/api/v1/sql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: query.value, format }),
  });

  // 64-bit integers do not fit a JavaScript number: keep the digits that the server sent
  const parse = (text) => JSON.parse(text, (_, value, context) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '') ? context.source : value);

  const problem = async (response) => {
    try {
      const { error } = await response.json();
      return `${error.message}\n${error.hint}`;
    } catch {
      return `The server answers ${response.status}.`;
    }
  };

  const cell = (value, isNumber) => {
    const td = document.createElement('td');
    if (value === null) {
      td.className = isNumber ? 'is-null num' : 'is-null';
      td.textContent = 'null';
      return td;
    }
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    td.textContent = text.length > 400 ? `${text.slice(0, 400)}…` : text;
    if (text.length > 60) td.title = text.slice(0, 4000);
    if (isNumber) td.className = 'num';
    return td;
  };

  // ids of traces become links; nothing else of an answer does
  const linked = (td, name, value) => {
    if (name !== 'trace_id' || !/^[0-9a-f]{32}$/.test(value ?? '')) return td;
    const link = document.createElement('a');
    link.href = `/traces/${value}`;
    link.className = 'mono';
    link.textContent = value;
    td.replaceChildren(link);
    return td;
  };

  const show = ({ columns, rows, truncated, elapsed_ms }) => {
    const numbers = columns.map(({ type }) => /^(bigint|double|u?int\d+|float\d+|decimal.*)$/.test(type));
    const head = document.createElement('tr');
    columns.forEach(({ name, type }, i) => {
      const th = document.createElement('th');
      th.scope = 'col';
      th.textContent = name;
      if (numbers[i]) th.className = 'num';
      const small = document.createElement('small');
      small.textContent = type;
      th.append(small);
      head.append(th);
    });
    const body = document.createElement('tbody');
    for (const row of rows.slice(0, ROWS_SHOWN)) {
      const tr = document.createElement('tr');
      row.forEach((value, i) => tr.append(linked(cell(value, numbers[i]), columns[i].name, value)));
      body.append(tr);
    }
    const table = document.createElement('table');
    const thead = document.createElement('thead');
    thead.append(head);
    table.append(thead, body);
    answer.replaceChildren(table);
    answer.hidden = false;
    const cut = truncated ? ', cut: there are more' : '';
    const part = rows.length > ROWS_SHOWN ? `, the first ${ROWS_SHOWN.toLocaleString('en')} shown` : '';
    say(`${rows.length.toLocaleString('en')} row${rows.length === 1 ? '' : 's'} in ${elapsed_ms} ms${cut}${part}`);
  };

  const start = async () => {
    if (run.disabled) return;
    run.disabled = true;
    say('Running …');
    history.replaceState(null, '', query.value.length < 4000 ? `/sql?q=${encodeURIComponent(query.value)}` : '/sql');
    try {
      const response = await ask('json');
      if (response.ok) show(parse(await response.text()));
      else say(await problem(response), true);
    } catch {
      say('The server does not answer.', true);
    }
    run.disabled = false;
  };

  run.addEventListener('click', start);
  query.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      start();
    }
  });
  csv.addEventListener('click', async () => {
    const response = await ask('csv').catch(() => null);
    if (!response?.ok) return say(response ? await problem(response) : 'The server does not answer.', true);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = 'karat.csv';
    link.click();
    URL.revokeObjectURL(link.href);
  });
  for (const button of document.querySelectorAll('.example')) {
    button.addEventListener('click', () => {
      query.value = button.dataset.sql.trim();
      query.focus();
      start();
    });
  }
  for (const button of document.querySelectorAll('.column')) {
    button.addEventListener('click', () => query.setRangeText(button.dataset.insert, query.selectionStart, query.selectionEnd, 'end'));
  }
})();
