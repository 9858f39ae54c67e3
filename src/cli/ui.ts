import { Command, Option } from 'commander';
import type { Endpoint } from '../tcp/endpoint.ts';
import { parseCount, parsePort } from './arguments.ts';
import { complain } from './complaint.ts';
import { addHostOptions, type EndOptions, jobsOf, openHosts } from './host-options.ts';
import { untilSignal } from './interrupt.ts';
import { parseListen, parsePublicHost } from './ui-address.ts';

interface Options extends EndOptions {
  port?: number;
  listen?: Endpoint;
  public?: string;
  maxLabs: number;
  allowPrograms?: boolean;
}

const LOOPBACK = '127.0.0.1';

export function uiCommand(): Command {
  const command = new Command('ui')
    .summary('serve a live page: click a state, watch, and act on it')
    .description(
      'Serves a live page. Click a state in the diagram, and tcplab puts a real connection into it;\n' +
        'then close, reset, send and set rules, and watch what the kernel does. Prints the URL, which\n' +
        'contains a secret token. Press Ctrl-C to stop the page and all of its labs. A lab that no\n' +
        'page shows ends after a minute.',
    );
  return addHostOptions(command, { programs: false })
    .addOption(
      new Option('--port <number>', `port on ${LOOPBACK} (default: any free port)`)
        .argParser(parsePort)
        .conflicts('listen'),
    )
    .option('--listen <address[:port]>', `address to listen on (default: ${LOOPBACK})`, parseListen)
    .option(
      '--public <host[:port]>',
      'host in the URL of the page, if it differs from --listen',
      parsePublicHost,
    )
    .option('--max-labs <number>', 'how many labs may be open at once', parseCount, 4)
    .option('--allow-programs', 'let the page run commands in the hosts, as you')
    .addHelpText(
      'after',
      `
Examples:
  tcplab ui
  tcplab ui --port 8080 --max-labs 1
  tcplab ui --listen 0.0.0.0:8080     in a container that publishes 127.0.0.1:8080

Exit status: 0 stopped by a signal, 2 invalid usage, 3 this machine lacks something`,
    )
    .action(serve);
}

async function serve(options: Options): Promise<void> {
  const { listen = { address: LOOPBACK, port: options.port ?? 0 }, maxLabs, allowPrograms = false } = options;
  const { listenAtHome } = await loadListener();
  // Before an ordinary user's process enters a network of its own, where no browser can reach it.
  const fd = listenAtHome(listen);
  await using hosts = await openHosts(options);
  const signal = untilSignal();
  const { UiServer } = await load();
  const ui = await UiServer.start({
    fd,
    address: listen.address,
    publicHost: options.public,
    maxLabs: jobsOf(hosts, { jobs: maxLabs, allowSysctl: options.allowSysctl ?? false }),
    allowPrograms,
    lab: hosts.lab,
  });
  if (!/^127\.|^::1$/.test(listen.address)) complain(exposed(listen.address, ui.port));
  process.stdout.write(`tcplab ui: ${ui.url}\nPress Ctrl-C to stop\n`);
  await signal;
  await ui[Symbol.asyncDispose]();
}

function exposed(address: string, port: number): string {
  return `the page listens on ${address} port ${port} without encryption: only its token protects it`;
}

/** Not inside serve(): tsc does not rewrite an import() that stands beside `await using`. */
function load(): Promise<typeof import('../ui/server.ts')> {
  return import('../ui/server.ts');
}

function loadListener(): Promise<typeof import('../kernel/listener.ts')> {
  return import('../kernel/listener.ts');
}
