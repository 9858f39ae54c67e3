import type { Commands } from './tcplab.ts';

/** Only the command in use is loaded, because some need the native code of tcplab. */
export const ALL_COMMANDS: Commands = {
  run: async () => (await import('./run.ts')).runCommand(),
  hold: async () => (await import('./hold.ts')).holdCommand(),
  ui: async () => (await import('./ui.ts')).uiCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
  enter: async () => (await import('./enter.ts')).enterCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  why: async () => (await import('./why.ts')).whyCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  list: async () => (await import('./list.ts')).listCommand(),
  arcs: async () => (await import('./arcs.ts')).arcsCommand(),
  matrix: async () => (await import('./matrix.ts')).matrixCommand(),
  exec: async () => (await import('./exec.ts')).execCommand(),
  read: async () => (await import('./read.ts')).readCommand(),
  replay: async () => (await import('./replay.ts')).replayCommand(),
  clean: async () => (await import('./clean.ts')).cleanCommand(),
  agent: async () => (await import('./agent.ts')).agentCommand(),
};
