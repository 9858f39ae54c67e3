import { Command } from 'commander';
import { parseCount, parsePort } from './arguments.ts';
import { addHostOptions, type EndOptions, jobsOf, openHosts } from './host-options.ts';
import { untilSignal } from './interrupt.ts';

interface Options extends EndOptions {
  port?: number;
  maxLabs: number;
  allowPrograms?: boolean;
}

export function uiCommand(): Command {
  const command = new Command('ui')
    .summary('a live page: choose a state, watch, and act on it')
    .description(
      'Serves a page on 127.0.0.1: click a state in the diagram and a real connection goes\n' +
        'there; close, reset, send, set rules, and watch what the kernel does. Prints the URL,\n' +
        'whose token nobody else knows; Ctrl-C ends it, and all labs with it. A lab that no\n' +
        'page watches any more ends after a minute.',
    );
  return addHostOptions(command, { programs: false })
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

async function serve(options: Options): Promise<void> {
  const { port = 0, maxLabs, allowPrograms = false } = options;
  const { listenOnLoopback } = await loadLoopback();
  // Made before an ordinary user's process goes into a network of its own, where no browser would find it.
  const fd = listenOnLoopback(port);
  await using hosts = await openHosts(options);
  const signal = untilSignal();
  const { UiServer } = await load();
  const ui = await UiServer.start({
    fd,
    maxLabs: jobsOf(hosts, { jobs: maxLabs, allowSysctl: options.allowSysctl ?? false }),
    allowPrograms,
    lab: hosts.lab,
  });
  process.stdout.write(`tcplab ui: ${ui.url}\nCtrl-C ends it\n`);
  await signal;
  await ui[Symbol.asyncDispose]();
}

/** Not inside serve(): tsc does not rewrite an import() that stands beside `await using`. */
function load(): Promise<typeof import('../ui/server.ts')> {
  return import('../ui/server.ts');
}

function loadLoopback(): Promise<typeof import('../kernel/loopback.ts')> {
  return import('../kernel/loopback.ts');
}
