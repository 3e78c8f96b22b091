// The validation runner of JavaScript, a script for the inside of a sandbox: each trial is a worker thread.
//
// It gets one JSON job on standard input: {"mark", "wall": ms, "first": bool, "spent": [ms], "trials": [{"id",
// "files": {path: text}, "tests": [path]}]}. Each test file is run as `node FILE` would, with node's own test module, in
// a thread that is ended when it takes longer than `wall`, or ten times as long as others did; `spent` is what trials
// before took that came to their end. It prints lines of `mark` and JSON: for each trial {"id", "outcome", "note",
// "seconds"}, and {"done": n}. Outcomes are "passed", "failed" and "endless". What it prints is only a hint.
'use strict';
const { Worker } = require('node:worker_threads');
const fs = require('node:fs');
const path = require('node:path');

const job = JSON.parse(fs.readFileSync(0, 'utf8'));
// How long those took that came to an end says how long one may take: an endless one costs little, on a fast machine.
const spent = job.spent;
const limit = () => {
  if (spent.length < 3) return job.wall;
  const mean = spent.reduce((sum, one) => sum + one, 0) / spent.length;
  return Math.min(job.wall, Math.max(250, 10 * mean));
};
const say = (value) => fs.writeSync(1, job.mark + JSON.stringify(value) + '\n');

function run(file) {
  return new Promise((done) => {
    const began = Date.now();
    const worker = new Worker(path.resolve(file), {
      stdout: true,
      stderr: true,
      argv: [],
      resourceLimits: { maxOldGenerationSizeMb: 256 },
    });
    let output = '';
    let cut = false;
    let error = '';
    const keep = (data) => { if (output.length < 20000) output += data; };
    worker.stdout.on('data', keep);
    worker.stderr.on('data', keep);
    const timer = setTimeout(() => { cut = true; worker.terminate(); }, limit());
    worker.on('error', (thrown) => { error = String(thrown && thrown.message ? thrown.message : thrown); });
    worker.on('exit', (code) => {
      clearTimeout(timer);
      if (!cut) spent.push(Date.now() - began);
      const row = output.split('\n').find((line) => /^\s+error: /.test(line)) || '';
      const note = error || row.trim() || (/(^|\n)\s*(not ok|✖)/.test(output) ? 'a test fails' : '');
      done({ outcome: cut ? 'endless' : code === 0 && !error ? 'passed' : 'failed', note: note.slice(0, 200) });
    });
  });
}

(async () => {
  for (const trial of job.trials) {
    const began = Date.now();
    const before = {};
    let said = { outcome: 'failed', note: 'no test was run' };
    try {
      for (const [name, text] of Object.entries(trial.files)) {
        before[name] = fs.readFileSync(name);
        fs.writeFileSync(name, text);
      }
      for (const test of trial.tests) {
        said = await run(test);
        if (said.outcome !== 'passed') break;
      }
    } finally {
      for (const [name, data] of Object.entries(before)) fs.writeFileSync(name, data);
    }
    say({ id: trial.id, ...said, seconds: (Date.now() - began) / 1000 });
    if (job.first && said.outcome === 'passed') break;
  }
  say({ done: job.trials.length });
  process.exit(0);
})();
