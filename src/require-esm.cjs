'use strict';
// Node's own require(), with paths relative to this folder. Node loads ES modules with it (20.19, 22.12 and later). Jest
// replaces require() and process.getBuiltinModule() in its sandbox with versions that can't; the main context has Node's.
const { runInThisContext } = require('node:vm');

const { createRequire } = runInThisContext('process').getBuiltinModule('node:module');
module.exports = createRequire(__filename);
