import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { IS_ROOT, needRoot, Program, tcplabHere } from './cli.ts';
import { TwoMachines } from './two-machines.ts';

describe('settings of machines that others use as well', () => {
  let machines: TwoMachines;
  // Entering the network of a machine that is not this process's own.
  beforeEach((context) => needRoot(context, 'nsenter'));

  beforeAll(async () => {
    if (IS_ROOT) machines = await TwoMachines.create();
  });
  afterAll(() => {
    if (!IS_ROOT) return;
    machines.a.kill('SIGKILL');
    machines.b.kill('SIGKILL');
  });

  const onA = (...command: string[]) => ['nsenter', `--net=/proc/${machines.a.pid}/ns/net`, ...command];
  const synRetries = () => {
    const [program = '', ...args] = onA('cat', '/proc/sys/net/ipv4/tcp_syn_retries');
    return spawnSync(program, args, { encoding: 'utf8' }).stdout.trim();
  };
  const runThere = (...args: string[]) => {
    const { client, server } = machines.places;
    return tcplabHere('run', 'syn-sent', '--client', client, '--server', server, ...args);
  };

  it('are set, and restored at the end', async () => {
    const before = synRetries();
    const { status, stdout, stderr } = await runThere(
      ...['--json', '--hold', '4s', '--allow-sysctl', '--client-port', '7000'],
      ...['--sysctl', 'client:tcp_syn_retries=1', '--option', 'client:TCP_NODELAY=1'],
    );
    expect(JSON.parse(stdout).results, stderr).toMatchObject([
      {
        verdict: 'disproven',
        because: expect.stringMatching(
          /saw SYN-SENT, then CLOSED 3\.\d s into the hold \(retries exhausted\)/,
        ),
        connection: { client: '10.77.0.1:7000' },
      },
    ]);
    expect(status).toBe(1);
    expect(synRetries()).toBe(before);
  });

  it('are an error at once where they can not be made, and name a port that is in use', async () => {
    const sysctl = await runThere('--allow-sysctl', '--sysctl', 'client:tcp_syn_retries=0');
    expect(sysctl).toMatchObject({ status: 2, stdout: '' });
    expect(sysctl.stderr).toMatch(
      /the kernel of the client rejects 0 for net\.ipv4\.tcp_syn_retries \(EINVAL\)/,
    );
    const listen =
      "import socket,time;s=socket.create_server(('10.77.0.1',7001));print('there',flush=True);time.sleep(999)";
    const other = new Program(onA('python3', '-c', listen));
    await other.until(/there/);
    const port = await runThere('--client-port', '7001');
    other.kill('SIGKILL');
    expect(port.status).toBe(1);
    expect(port.stdout.replace(/\s+/g, ' ')).toContain(
      'port 7001 is in use at the machine of the client (a process listens on it)',
    );
  });
});
