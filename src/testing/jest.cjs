'use strict';
// For require('tcplab/testing/jest'). The global expect is that of the test file, so this file runs once per test file.
const { matchers } = require('./index.cjs');

if (!globalThis.expect) {
  throw new Error(
    "tcplab/testing/jest needs jest's global expect: import it in a test file or in setupFilesAfterEnv",
  );
}
globalThis.expect.extend(matchers);
