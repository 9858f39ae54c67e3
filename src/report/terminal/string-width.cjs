'use strict';
// It builds tables when it is loaded, which takes as long as all of `tcplab list`, and hardly any text needs it: not before then.
module.exports = (text) => require('string-width').default(text);
