import { Command } from 'commander';
import { parseCount, parsePort } from './arguments.ts';
import { COMMAND_GROUPS, helpEnd, OPTION_GROUPS } from './help.ts';
import { ABOUT_HOSTS, addHostOptions, type EndOptions, jobsOf, openHosts } from './host-options.ts';
import { untilSignal } from './interrupt.ts';

interface Options extends EndOptions {
  port?: number;
  maxLabs: number;
  allowPrograms?: boolean;
}

export function uiCommand(): Command {
  const command = new Command('ui')
    .helpGroup(COMMAND_GROUPS.make)
    .summary('do it in the browser: click a state and watch')
    .description(
      'Serve a live page on 127.0.0.1: click a state in the diagram, and a real connection enters it; close, reset, ' +
        'send, set rules, and watch what the kernel does. Prints the URL with a secret token. Ctrl-C stops the page and ' +
        'all labs. A lab without an open page ends after 1 min.',
    )
    .option('--port <number>', 'port of the page (default: any free port)', parsePort)
    .option('--max-labs <number>', 'number of labs that can be open at once', parseCount, 4)
    .option('--allow-programs', 'permission for the page to run commands in the hosts, as you')
    .optionsGroup(OPTION_GROUPS.lab);
  return addHostOptions(command, { programs: false })
    .addHelpText(
      'after',
      helpEnd(
        ['tcplab ui', 'tcplab ui --port 8080 --max-labs 1', 'tcplab ui --allow-programs'],
        ABOUT_HOSTS,
        'Exit status: 0 stopped by a signal, 2 invalid usage, 3 this machine lacks something (see `tcplab doctor`).',
      ),
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
  process.stdout.write(`tcplab ui: ${ui.url}\nCtrl-C stops it\n`);
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
