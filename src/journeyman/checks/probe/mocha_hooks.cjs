// Hooks of mocha: one line of JSON for each test, in the form of journeyman_probe's stream. What is skipped has no hooks.
'use strict';
const { appendFileSync } = require('node:fs');
const { relative } = require('node:path');

const { out } = JSON.parse(process.env.JM_PROBE);
const say = (value) => appendFileSync(out, JSON.stringify(value) + '\n');
const id = (test) => [relative(process.cwd(), test.file ?? ''), ...test.titlePath()].join('::');

exports.mochaHooks = {
  beforeEach() {
    say({ start: id(this.currentTest) });
  },
  afterEach() {
    const { state, duration, err } = this.currentTest;
    const message = state === 'failed' ? String(err?.stack ?? err).slice(0, 20000) : '';
    say({ id: id(this.currentTest), outcome: state ?? 'skipped', seconds: (duration ?? 0) / 1000, message });
  },
  afterAll() {
    say({ end: 0 });
  },
};
