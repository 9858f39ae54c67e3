'use strict';
// For require('tcplab').
module.exports = require('./require-esm.cjs')('./index.js');
