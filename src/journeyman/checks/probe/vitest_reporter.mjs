// A reporter of vitest: one line of JSON for each test, in the form of journeyman_probe's stream.
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

const { out } = JSON.parse(process.env.JM_PROBE);
const OUTCOMES = { passed: 'passed', pass: 'passed', failed: 'failed', fail: 'failed' };

const say = (value) => appendFileSync(out, JSON.stringify(value) + '\n');
const place = (file) => relative(process.cwd(), file ?? '');
const words = (errors) => (errors ?? []).map((error) => String(error.stack || error.message || error)).join('\n').slice(0, 20000);

// The names of the suites around a test, from outside.
function around(test) {
  const found = [];
  for (let up = test.parent ?? test.suite; up?.type === 'suite' && up.name; up = up.parent ?? up.suite) found.unshift(up.name);
  return found;
}

// Versions before 3 tell all at the end, as tasks within tasks.
function* tests(tasks) {
  for (const task of tasks) {
    if (task.tasks) yield* tests(task.tasks);
    else yield task;
  }
}

export default class Reporter {
  onTestCaseReady(test) {
    say({ start: [place(test.module.moduleId), ...around(test), test.name].join('::') });
  }

  onTestCaseResult(test) {
    const { state, errors } = test.result();
    const id = [place(test.module.moduleId), ...around(test), test.name].join('::');
    const seconds = (test.diagnostic()?.duration ?? 0) / 1000;
    say({ id, outcome: OUTCOMES[state] ?? 'skipped', seconds, message: state === 'failed' ? words(errors) : '' });
  }

  // A file that could not be loaded has no tests.
  onTestModuleEnd(module) {
    const errors = module.errors();
    if (errors.length > 0) say({ id: place(module.moduleId), outcome: 'error', seconds: 0, message: words(errors) });
  }

  onTestRunEnd() {
    this.told = true;
    say({ end: process.exitCode ?? 0 });
  }

  onFinished(files) {
    if (this.told) return;
    for (const file of files ?? []) {
      if (file.result?.errors?.length && file.tasks.length === 0) {
        say({ id: place(file.filepath), outcome: 'error', seconds: 0, message: words(file.result.errors) });
      }
      for (const task of tests(file.tasks)) {
        const id = [place(file.filepath), ...around(task), task.name].join('::');
        const { state, duration, errors } = task.result ?? {};
        say({ id, outcome: OUTCOMES[state] ?? 'skipped', seconds: (duration ?? 0) / 1000, message: state === 'fail' ? words(errors) : '' });
      }
    }
    say({ end: process.exitCode ?? 0 });
  }
}
