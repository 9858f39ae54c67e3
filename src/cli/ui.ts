import { Command } from 'commander';
import { parseCount, parsePort } from './arguments.ts';
import { untilSignal } from './interrupt.ts';
import { ensurePrivilege } from './privileges.ts';

interface Options {
  port?: number;
  maxLabs: number;
  allowPrograms?: boolean;
}

export function uiCommand(): Command {
  return new Command('ui')
    .summary('a live page: choose a state, watch, and act on it')
    .description(
      'Serves a page on 127.0.0.1: click a state in the diagram and a real connection goes\n' +
        'there; close, reset, send, set rules, and watch what the kernel does. Prints the URL,\n' +
        'whose token nobody else knows; Ctrl-C ends it, and all labs with it. A lab that no\n' +
        'page watches any more ends after a minute.',
    )
    .option('--port <number>', 'the port of the page; else one that is free', parsePort)
    .option('--max-labs <number>', 'how many labs may be open at once', parseCount, 4)
    .option('--allow-programs', 'let the page run commands in the hosts, as you')
    .addHelpText(
      'after',
      `
Examples:
  tcplab ui
  tcplab ui --port 8080 --max-labs 1

Exit status: 0 when it was ended by a signal, 2 wrong use, 3 this machine can't.`,
    )
    .action(serve);
}

async function serve({ port = 0, maxLabs, allowPrograms = false }: Options): Promise<void> {
  const { listenOnLoopback } = await import('../kernel/loopback.ts');
  // Made before an ordinary user's process goes into a network of its own, where no browser would find it.
  const fd = listenOnLoopback(port);
  ensurePrivilege();
  const signal = untilSignal();
  const { UiServer } = await import('../ui/server.ts');
  const ui = await UiServer.start({ fd, maxLabs, allowPrograms });
  process.stdout.write(`tcplab ui: ${ui.url}\nCtrl-C ends it\n`);
  await signal;
  await ui[Symbol.asyncDispose]();
}
