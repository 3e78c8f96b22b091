// The validation runner of JavaScript, a script for the inside of a sandbox: each trial is a worker thread.
//
// It gets one JSON job on standard input: {"mark", "cpu": ms, "wall": ms, "first": bool, "code": text, "trials": [{"id",
// "files": {path: text}, "tests": [path], "load": path}]}. Each test file is run as `node FILE` would, with node's own
// test module, and `code` as `node -e CODE`, in a thread that is ended when it took `cpu` of processor time or `wall` of
// time; with `load` a file is only imported, to see what that costs. It prints lines of `mark` and JSON: for each trial {"id", "outcome", "note",
// "seconds", "cpu", "passed": [names], "failed": [names]}, and {"done": n}. Outcomes are "passed", "failed" and
// "endless". What it prints is only a hint.
'use strict';
const { Worker } = require('node:worker_threads');
const fs = require('node:fs');
const path = require('node:path');

const LOOK = 10; // ms between two looks at what a thread has spent
const NAMES = 500;
const OPTIONS = { stdout: true, stderr: true, resourceLimits: { maxOldGenerationSizeMb: 256 } };
const LOAD =
  "require('node:test'); require('node:assert');" +
  "import(require('node:url').pathToFileURL(require('node:worker_threads').workerData)).catch(() => {});";

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
const say = (value) => fs.writeSync(1, job.mark + JSON.stringify(value) + '\n');

function threads() {
  try {
    return fs.readdirSync('/proc/self/task');
  } catch {
    return [];
  }
}

// Processor time of a thread in ms; nothing when it has gone or the kernel does not say.
function spentBy(thread) {
  try {
    return Number(fs.readFileSync(`/proc/self/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
  } catch {
    // not every kernel counts that finely
  }
  try {
    const fields = fs.readFileSync(`/proc/self/task/${thread}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}

// The names of tests that passed and failed, of the text of either of node's reporters.
function names(output) {
  const passed = [];
  const failed = [];
  for (const line of output.split('\n')) {
    const tap = /^\s*(not ok|ok) \d+ - (.*?)(?: # (?:SKIP|TODO)\b.*)?$/.exec(line);
    const spec = /^\s*(✔|✖) (.*?) \([\d.]+ms\)$/.exec(line);
    const [, sign, name] = tap ?? spec ?? [];
    if (sign === undefined) continue;
    const into = sign === 'ok' || sign === '✔' ? passed : failed;
    if (into.length < NAMES) into.push(tap ? name.replace(/\\([\\#])/g, '$1') : name);
  }
  return { passed, failed };
}

function run(worker, before) {
  return new Promise((done) => {
    const began = Date.now();
    const all = process.cpuUsage();
    const own = threads().filter((thread) => !before.has(thread));
    let output = '';
    let cut = false;
    let error = '';
    const keep = (data) => { if (output.length < 200000) output += data; };
    worker.stdout.on('data', keep);
    worker.stderr.on('data', keep);
    const timer = setInterval(() => {
      const cpu = Math.max(0, ...own.map(spentBy).filter((one) => one !== undefined));
      const wall = Date.now() - began;
      if (cpu < job.cpu && wall < (own.length ? job.wall : 5 * job.cpu)) return;
      cut = true;
      clearInterval(timer);
      worker.terminate();
    }, LOOK);
    worker.on('error', (thrown) => { error = String(thrown && thrown.message ? thrown.message : thrown); });
    worker.on('exit', (code) => {
      clearInterval(timer);
      const row = output.split('\n').find((line) => /^\s+error: /.test(line)) || '';
      const note = error || row.trim() || (/(^|\n)\s*(not ok|✖)/.test(output) ? 'a test fails' : '');
      const outcome = cut ? 'endless' : code === 0 && !error ? 'passed' : 'failed';
      // What the whole process took: a thread that has ended cannot be asked.
      const { user, system } = process.cpuUsage(all);
      done({ outcome, note: note.slice(0, 200), cpu: (user + system) / 1e6, ...names(output) });
    });
  });
}

function start(file) {
  const before = new Set(threads());
  return run(new Worker(path.resolve(file), { ...OPTIONS, argv: [] }), before);
}

function evaluate(code, data) {
  const before = new Set(threads());
  return run(new Worker(code, { ...OPTIONS, eval: true, workerData: data }), before);
}

async function attempt(trial) {
  if (trial.load) return evaluate(LOAD, path.resolve(trial.load));
  if (job.code) return evaluate(job.code);
  let said = { outcome: 'failed', note: 'no test was run' };
  const passed = [];
  const failed = [];
  let cpu = 0;
  for (const test of trial.tests) {
    said = await start(test);
    passed.push(...said.passed);
    failed.push(...said.failed);
    cpu = Math.max(cpu, said.cpu);
    if (said.outcome !== 'passed') break;
  }
  return { ...said, cpu, passed, failed };
}

(async () => {
  // The pool's threads are there before any worker is, so that a new thread is the worker's.
  await Promise.all(Array.from({ length: 4 }, () => fs.promises.stat('.')));
  for (const trial of job.trials) {
    const began = Date.now();
    const before = {};
    let said;
    try {
      for (const [name, text] of Object.entries(trial.files)) {
        before[name] = fs.readFileSync(name);
        fs.writeFileSync(name, text);
      }
      said = await attempt(trial);
    } finally {
      for (const [name, data] of Object.entries(before)) fs.writeFileSync(name, data);
    }
    say({ id: trial.id, ...said, seconds: (Date.now() - began) / 1000 });
    if (job.first && said.outcome === 'passed' && !trial.load) break;
  }
  say({ done: job.trials.length });
  process.exit(0);
})();
