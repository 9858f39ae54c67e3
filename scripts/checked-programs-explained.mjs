/**
 * @type {Record<string, Record<string, string>>}
 */
export const CAUSES = {};
/** @type {string[]} */
export const NOT_CHECKED = [];
