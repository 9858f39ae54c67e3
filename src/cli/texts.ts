import { tcplab } from './tcplab.ts';

/** The commands that need no lab: src/cli/main.cjs decides when to start this. */
void tcplab({
  explain: async () => (await import('./explain.ts')).explainCommand(),
  list: async () => (await import('./list.ts')).listCommand(),
});
