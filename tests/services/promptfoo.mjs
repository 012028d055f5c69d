// Runs promptfoo over every suite of a directory and prints its verdicts: {suite: {cases: [...], sums: [...]}}.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [promptfoo, folder] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'promptfoo-'));
const env = { ...process.env, PROMPTFOO_DISABLE_TELEMETRY: '1', PROMPTFOO_DISABLE_UPDATE: '1', PROMPTFOO_CONFIG_DIR: join(scratch, 'config') };

function asserted(result) {
  const components = result.gradingResult?.componentResults;
  return components ? components.map(({ pass, score }) => ({ pass, score })) : null;
}

function verdicts(suite) {
  const output = join(scratch, 'out.json');
  try {
    execFileSync(promptfoo, ['eval', '-c', suite, '-o', output, '--no-cache', '-j', '1'], { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    // 100: some case failed. Anything else did not start.
    if (error.status !== 100) return { refused: String(error.stderr || error.message).slice(-500) };
  }
  const { results } = JSON.parse(readFileSync(output, 'utf8'));
  const sorted = results.results.sort((a, b) => a.testIdx - b.testIdx || a.promptIdx - b.promptIdx);
  const cases = sorted.map((result) => ({
    outcome: result.success ? 'pass' : result.failureReason === 2 ? 'error' : 'fail',
    score: result.score,
    asserts: asserted(result),
  }));
  return { cases, sums: results.prompts.map((prompt) => prompt.metrics.namedScores) };
}

const suites = readdirSync(folder).filter((name) => /^\d\d-.*\.yaml$/.test(name)).sort();
console.log(JSON.stringify(Object.fromEntries(suites.map((suite) => [suite, verdicts(suite)])), null, 1));
rmSync(scratch, { recursive: true });
