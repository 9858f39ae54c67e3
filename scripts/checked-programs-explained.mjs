export const EXPLAINED = { '*': {} };
