/**
 * Where the build puts what is read or started as a file. This code runs from there, from build/ or, in tests, from src/,
 * which are beside each other.
 */
export const DIST: URL = new URL(import.meta.url.replace(/^(.*)\/(?:dist|build|src)\/.*$/, '$1/dist/'));
