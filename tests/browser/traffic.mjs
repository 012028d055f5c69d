// Two traces over OTLP/HTTP: one of 10,000 spans, one with a script in every text. Waits until SQL sees all of them.
export const LONG = 'aa'.repeat(16);
export const HOSTILE = 'ee'.repeat(16);
const SPANS = 10_000, BATCH = 1_000, WAIT_MS = 20_000;

const SCRIPT = '</textarea></title></script><script>window.pwned=1</script><img src=x onerror="window.pwned=2">'
  + '<svg/onload=window.pwned=3>\'"><a href="javascript:window.pwned=4">x</a>';

const id = (n) => n.toString(16).padStart(16, '0');
const value = (v) => (typeof v === 'number' ? { intValue: String(v) } : { stringValue: v });
const attributes = (map) => Object.entries(map).map(([key, v]) => ({ key, value: value(v) }));
const span = (traceId, n, parent, name, start, long, map = {}, status) => ({
  traceId, spanId: id(n), ...(parent ? { parentSpanId: id(parent) } : {}), name, kind: 1,
  startTimeUnixNano: String(start), endTimeUnixNano: String(start + long), attributes: attributes(map), ...(status ? { status } : {}),
});
const text = (role, content) => JSON.stringify([{ role, parts: [{ type: 'text', content }] }]);

function long(now) {
  const begin = now - 600_000_000_000n;
  const spans = [span(LONG, 1, 0, 'invoke_agent migration', begin, 500_000_000_000n, { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'migration' })];
  for (let i = 1; i < SPANS; i++) {
    const start = begin + BigInt(i) * 50_000_000n;
    const call = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'gpt-4o-mini', 'gen_ai.usage.input_tokens': 90,
      'gen_ai.usage.output_tokens': 8, 'gen_ai.input.messages': text('user', `Template ${i}`), 'gen_ai.output.messages': text('assistant', 'Moved.') };
    const tool = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'write_template', 'gen_ai.tool.call.arguments': `{"id":${i}}` };
    const turn = i - (i - 1) % 8 + 1;   // the span id of this turn's first span
    if (i % 8 === 1) spans.push(span(LONG, i + 1, 1, `turn ${(i - 1) / 8 + 1}`, start, 390_000_000n));
    else if (i % 8 === 2) spans.push(span(LONG, i + 1, turn, 'chat gpt-4o-mini', start, 40_000_000n, call));
    else spans.push(span(LONG, i + 1, turn, 'execute_tool write_template', start, 30_000_000n, tool));
  }
  return spans;
}

function hostile(now) {
  const begin = now - 60_000_000_000n;
  const every = {
    'gen_ai.provider.name': SCRIPT, 'gen_ai.request.model': SCRIPT, 'gen_ai.response.model': SCRIPT, 'gen_ai.response.id': SCRIPT, 'gen_ai.conversation.id': SCRIPT,
    'session.id': SCRIPT, 'user.id': SCRIPT, 'gen_ai.agent.name': SCRIPT, 'gen_ai.prompt.name': SCRIPT, 'error.type': SCRIPT, [SCRIPT]: SCRIPT,
    'gen_ai.system_instructions': JSON.stringify([{ type: 'text', content: SCRIPT }]),
    'gen_ai.input.messages': JSON.stringify([{ role: SCRIPT, parts: [{ type: 'text', content: SCRIPT }, { type: SCRIPT, x: SCRIPT }, { type: 'uri', uri: SCRIPT, modality: 'image' }] }]),
    'gen_ai.output.messages': JSON.stringify([{ role: 'assistant', finish_reason: SCRIPT, parts: [{ type: 'reasoning', content: SCRIPT }, { type: 'tool_call', id: SCRIPT, name: SCRIPT, arguments: { [SCRIPT]: SCRIPT } }] }]),
    'gen_ai.tool.definitions': JSON.stringify([{ type: 'function', name: SCRIPT, description: SCRIPT }]),
  };
  const failed = { code: 2, message: SCRIPT };
  return [
    span(HOSTILE, 1, 0, SCRIPT, begin, 900_000_000n, { ...every, 'gen_ai.operation.name': 'invoke_agent' }, failed),
    span(HOSTILE, 2, 1, SCRIPT, begin + 1_000_000n, 800_000_000n, { ...every, 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 3 }, failed),
    span(HOSTILE, 3, 1, SCRIPT, begin + 2_000_000n, 100_000_000n, { ...every, 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': SCRIPT, 'gen_ai.tool.call.id': SCRIPT, 'gen_ai.tool.call.arguments': SCRIPT, 'gen_ai.tool.call.result': SCRIPT }, failed),
    { ...span(HOSTILE, 4, 1, SCRIPT, begin + 3_000_000n, 100_000_000n, { ...every, 'gen_ai.operation.name': 'retrieval', 'gen_ai.retrieval.documents': JSON.stringify([{ id: SCRIPT, score: 0.5, content: SCRIPT }]) }, failed),
      events: [{ name: 'exception', timeUnixNano: String(begin), attributes: attributes({ 'exception.message': SCRIPT, [SCRIPT]: SCRIPT }) }] },
  ];
}

export async function send(otlp, base, token) {
  const now = BigInt(Date.now()) * 1_000_000n;
  const authorization = token ? { authorization: `Bearer ${token}` } : {};
  const post = async (service, spans) => {
    const body = { resourceSpans: [{ resource: { attributes: attributes({ 'service.name': service }) }, scopeSpans: [{ scope: { name: 'browser-test' }, spans }] }] };
    const answer = await fetch(new URL('/v1/traces', otlp), { method: 'POST', headers: { 'content-type': 'application/json', ...authorization }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`OTLP answers ${answer.status}: ${await answer.text()}`);
  };
  const spans = long(now);
  for (let i = 0; i < spans.length; i += BATCH) await post('migration-agent', spans.slice(i, i + BATCH));
  await post(SCRIPT, hostile(now));

  const sql = `select count(*) as n from spans where trace_id in ('${LONG}', '${HOSTILE}')`;
  for (const begin = Date.now(); ;) {
    const answer = await fetch(new URL('/api/v1/sql', base), { method: 'POST', headers: { 'content-type': 'application/json', ...authorization }, body: JSON.stringify({ sql }) });
    const found = answer.ok ? (await answer.json()).rows[0][0] : 0;
    if (found === SPANS + 4) return;
    if (Date.now() - begin > WAIT_MS) throw new Error(`SQL sees ${found} of ${SPANS + 4} spans`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
