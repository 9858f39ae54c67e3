import { tcplab } from './tcplab.ts';

/** What needs no lab: src/cli/main.cjs says when this is started. */
void tcplab({
  explain: async () => (await import('./explain.ts')).explainCommand(),
  list: async () => (await import('./list.ts')).listCommand(),
});
