// A reporter of jest: one line of JSON for each test, in the form of journeyman_probe's stream.
'use strict';
const { appendFileSync } = require('node:fs');
const { relative } = require('node:path');

const OUTCOMES = { passed: 'passed', failed: 'failed' };

module.exports = class Reporter {
  constructor() {
    this.out = JSON.parse(process.env.JM_PROBE).out;
  }

  say(value) {
    appendFileSync(this.out, JSON.stringify(value) + '\n');
  }

  onTestResult(test, result) {
    const file = relative(process.cwd(), test.path);
    const colours = /\u001b\[[0-9;]*m/g;
    const words = (messages) => messages.filter(Boolean).join('\n').replace(colours, '').slice(0, 20000);
    for (const one of result.testResults) {
      const id = [file, ...one.ancestorTitles, one.title].join('::');
      const seconds = (one.duration ?? 0) / 1000;
      this.say({ id, outcome: OUTCOMES[one.status] ?? 'skipped', seconds, message: words(one.failureMessages) });
    }
    // A file that could not be loaded has no tests.
    if (result.testExecError || (result.failureMessage && result.testResults.length === 0)) {
      this.say({ id: file, outcome: 'error', seconds: 0, message: words([result.failureMessage]) });
    }
  }

  onRunComplete(_, results) {
    this.say({ end: results.success ? 0 : 1 });
  }
};
