// Preloaded into the node processes of a check: where one is vitest, jest or mocha, something of ours listens to it too.
'use strict';
const path = require('node:path');

// What each is told on its command line, and which reporter has to stand beside ours so that it says what it always does.
const RUNNERS = {
  vitest: { flag: '--reporter', file: 'vitest_reporter.mjs', own: 'default' },
  jest: { flag: '--reporters', file: 'jest_reporter.cjs', own: 'default' },
  mocha: { flag: '--require', file: 'mocha_hooks.cjs' },
};

const runner = RUNNERS[path.basename(process.argv[1] ?? '').replace(/^_|\.[cm]?js$/g, '')];
const ours = runner && `${runner.flag}=${path.join(__dirname, runner.file)}`;
if (process.env.JM_PROBE && ours && !process.argv.includes(ours)) {
  const chosen = process.argv.some((word) => word === runner.flag || word.startsWith(`${runner.flag}=`));
  const own = runner.own && !chosen ? [`${runner.flag}=${runner.own}`] : [];
  const end = process.argv.indexOf('--'); // behind it stand names of files
  process.argv.splice(end < 0 ? process.argv.length : end, 0, ...own, ours);
}
