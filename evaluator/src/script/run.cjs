// Reads a task on standard input, evaluates its code, prints {"value"} or {"error"} as the last line.
const task = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const trimmed = task.code.trimEnd();

// As promptfoo: one line is an expression, or declarations and one; more lines are a function's body.
function body(code) {
  if (code.includes('\n')) return code;
  const line = code.trim().replace(/;+\s*$/, '');
  if (/^(const|let|var)\s/.test(line)) {
    const end = line.lastIndexOf(';');
    return end < 0 ? line : `${line.slice(0, end + 1)} return ${line.slice(end + 1).trim()}`;
  }
  return `return ${line}`;
}

(async () => {
  try {
    const shim = { ...process, mainModule: { require } };
    const context = { vars: task.vars, prompt: task.kind === 'assert' ? task.prompt : {} };
    let value;
    if (task.kind === 'response') {
      const arrow = /^(\(.*?\)\s*=>|function\s*\(.*?\))/.test(trimmed.trim());
      const source = arrow ? `return (${trimmed})(json, text, context)` : `return (${trimmed})`;
      value = new Function('json', 'text', 'context', 'process', source)(task.json, task.text, context, shim);
    } else {
      value = new Function(task.name || 'output', 'context', 'process', body(trimmed))(task.output, context, shim);
    }
    value = await value;
    if (value === undefined || value === null) throw new Error('it returned nothing');
    console.log('\n' + JSON.stringify({ value }));
  } catch (error) {
    console.log('\n' + JSON.stringify({ error: String(error && error.message || error) }));
  }
})();
