import { type Command, Option } from 'commander';
import { listenAtHome } from '../kernel/listener.ts';
import { Lab } from '../lab/lab.ts';
import type { Endpoint } from '../tcp/endpoint.ts';
import { UiServer } from '../ui/server.ts';
import { parseCount, parsePort } from './arguments.ts';
import { newCommand } from './commands.ts';
import { complain } from './complaint.ts';
import { helpEnd, OPTION_GROUPS } from './help.ts';
import {
  ABOUT_HOSTS,
  addHostOptions,
  addSettingOptions,
  type EndOptions,
  jobsOf,
  openHosts,
} from './host-options.ts';
import { untilSignal } from './interrupt.ts';
import { keepMemorySmall } from './small-memory.ts';
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
  const command = newCommand('ui')
    .description(
      `Serve a live page on ${LOOPBACK}: click a state in the diagram, and a real connection enters it; close, reset, ` +
        'send, set rules, and watch what the kernel does. Prints the URL with a secret token. Ctrl-C stops the page and ' +
        'all labs. A lab without an open page ends after 1 min.',
    )
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
    .option('--max-labs <number>', 'number of labs that can be open at once', parseCount, 4)
    .option('--allow-programs', 'permission for the page to run commands in the hosts, as you')
    .optionsGroup(OPTION_GROUPS.lab);
  return addSettingOptions(addHostOptions(command, { programs: false }))
    .addHelpText(
      'after',
      helpEnd(
        [
          'tcplab ui',
          'tcplab ui --port 8080 --max-labs 1',
          'tcplab ui --listen 0.0.0.0:8080    in a container that publishes the port',
        ],
        ABOUT_HOSTS,
        'Exit status: 0 stopped by a signal, 2 invalid usage, 3 this machine lacks something (see `tcplab doctor`).',
      ),
    )
    .action(serve);
}

async function serve(options: Options): Promise<void> {
  const { listen = { address: LOOPBACK, port: options.port ?? 0 }, maxLabs, allowPrograms = false } = options;
  // Before an ordinary user's process enters a network of its own, where no browser can reach it.
  const fd = listenAtHome(listen);
  keepMemorySmall();
  await using hosts = await openHosts(options);
  const signal = untilSignal();
  // Settings that a host's kernel rejects are an error now, and not at the first click.
  if (options.sysctl || options.option) await (await Lab.open(hosts.lab))[Symbol.asyncDispose]();
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
