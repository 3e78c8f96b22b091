// A reporter of node's test runner: one line of JSON for each test, in the form of journeyman_probe's stream.
// A test file that reports nothing for longer than the limit is killed: a loop cannot be interrupted from inside.
import { readFileSync, readdirSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const orders = process.env.JM_PROBE ? JSON.parse(process.env.JM_PROBE) : { seconds: 60 };
const limit = orders.seconds * 1000;

const place = (file) => (file ? relative(process.cwd(), file.startsWith('file:') ? fileURLToPath(file) : file) : '');
const line = (value) => JSON.stringify(value) + '\n';

function children() {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
      if (Number(fields[1]) !== process.pid) continue;
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      found.push({ pid: Number(pid), words, processor: (Number(fields[11]) + Number(fields[12])) * 10 });
    } catch {
      // it has ended
    }
  }
  return found;
}

class Watch {
  constructor() {
    this.seen = new Map(); // file → time of its last event
    this.spent = new Map(); // file → that time, and the processor time that it had taken then
    this.killed = new Map(); // file → seconds
    this.timer = setInterval(() => this.look(), 200);
    this.timer.unref();
  }

  // As for Python: the limit counts once the process had most of it on a processor, at twice that in any case.
  look() {
    if (this.seen.size === 0) return;
    const running = children();
    for (const [file, at] of this.seen) {
      const child = running.find(({ words }) => words.includes(file));
      if (child === undefined) continue;
      if (this.spent.get(file)?.at !== at) this.spent.set(file, { at, processor: child.processor });
      const waited = Date.now() - at;
      const worked = child.processor - this.spent.get(file).processor;
      if (waited < limit || (worked < 0.8 * limit && waited < 2 * limit)) continue;
      this.killed.set(file, orders.seconds);
      this.seen.delete(file);
      process.kill(child.pid, 'SIGKILL');
    }
  }
}

function message(error) {
  if (!error) return '';
  const cause = error.cause ?? error;
  return String(cause?.stack ?? cause?.message ?? cause).slice(0, 20000);
}

export default async function* report(source) {
  const watch = new Watch();
  const names = new Map(); // file → names of the open suites, by nesting
  const ran = new Map(); // file → name of the test that runs
  const errors = new Map(); // file → the end of what it wrote to stderr
  for await (const { type, data } of source) {
    const file = data?.file ?? '';
    const whole = data?.name !== undefined && (data.name === file || place(data.name) === place(file));
    if (type === 'test:complete' && whole) watch.seen.delete(file);
    else if (file && type !== 'test:enqueue' && !type.startsWith('test:plan') && !watch.killed.has(file)) watch.seen.set(file, Date.now());
    if (type === 'test:stderr') errors.set(file, ((errors.get(file) ?? '') + data.message).slice(-4000));
    if (type === 'test:dequeue' && !whole) ran.set(file, data.name);
    if (type === 'test:start') {
      const open = names.get(file) ?? [];
      open.length = data.nesting;
      open.push(data.name);
      names.set(file, open);
    }
    const failed = type === 'test:fail';
    if (!failed && type !== 'test:pass') continue;
    const open = (names.get(file) ?? []).slice(0, data.nesting);
    const id = whole ? place(file) : [place(file), ...open, data.name].filter((part) => part !== '').join('::');
    const seconds = (data.details?.duration_ms ?? 0) / 1000;
    if (data.details?.type === 'suite') {
      if (!failed || data.details?.error?.failureType === 'subtestsFailed') continue;
    }
    if (failed && !whole && data.details?.error?.failureType === 'subtestsFailed') continue;
    if (whole && !failed) continue;
    const killed = watch.killed.get(file);
    if (whole && data.details?.error?.failureType === 'subtestsFailed') continue;
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const outcome = failed && data.todo === undefined ? 'failed' : skipped ? 'skipped' : 'passed';
    const text = killed !== undefined && failed
      ? `endless: still running after ${killed} s, in or after ${JSON.stringify(ran.get(file) ?? '')}`
      : (whole && errors.get(file)) || message(data.details?.error);
    yield line({ id, outcome, seconds, message: failed ? text : '' });
  }
  yield line({ end: process.exitCode ?? 0 });
}
