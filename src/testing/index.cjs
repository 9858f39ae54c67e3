'use strict';
// For require('tcplab/testing'), which is also what jest and ts-jest make of an import.
module.exports = require('../require-esm.cjs')('./testing/index.js');
