import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY, run, temporaryFolder } from './cli.ts';

/** What `npm start` and `npm test` do to a machine before anything else. */

// By variables: the scripts are plain JavaScript, without types.
const SCRIPTS = join(REPOSITORY, 'scripts/setup');
const [noServices, system] = [join(SCRIPTS, 'no-services.mjs'), join(SCRIPTS, 'system.mjs')];
const { withoutServices } = (await import(noServices)) as {
  withoutServices: <T>(work: () => T, policy: string) => T;
};
const { ensureSystemPackages } = (await import(system)) as {
  ensureSystemPackages: (needs: object[], machine: object) => void;
};

const FORBIDDEN = 101;

const newPolicy = () => join(temporaryFolder(), 'policy-rc.d');
const ask = (policy: string) => spawnSync(policy, ['ssh', 'start']).status;

describe('while packages are installed', () => {
  it('services may not be started, and afterwards as before', () => {
    const policy = newPolicy();
    const said = withoutServices(() => {
      accessSync(policy, constants.X_OK);
      return [ask(policy), ask(policy)];
    }, policy);
    expect(said).toEqual([FORBIDDEN, FORBIDDEN]);
    expect(existsSync(policy)).toBe(false);
  });

  it('and that fails, services may be started again as well', () => {
    const policy = newPolicy();
    const fails = () =>
      withoutServices(() => {
        throw new Error('no room left');
      }, policy);
    expect(fails).toThrow('no room left');
    expect(existsSync(policy)).toBe(false);
  });

  it('and that is killed, services may be started again as well', async () => {
    const policy = newPolicy();
    const program = `const { withoutServices } = await import(${JSON.stringify(noServices)});
      withoutServices(() => process.kill(process.pid, 'SIGKILL'), ${JSON.stringify(policy)});`;
    expect(await run([process.execPath, '--input-type=module', '-e', program])).toMatchObject({
      status: 137,
    });
    expect(existsSync(policy)).toBe(true);
    expect(ask(policy)).toBe(0);
    expect(existsSync(policy)).toBe(false);
  });

  it('a policy that somebody has made stays as it is', () => {
    const policy = newPolicy();
    const theirs = '#!/bin/sh\nexit 104\n';
    writeFileSync(policy, theirs, { mode: 0o755 });
    expect(withoutServices(() => ask(policy), policy)).toBe(104);
    expect(readFileSync(policy, 'utf8')).toBe(theirs);
  });
});

describe('the set-up of the system', () => {
  const needs = [
    { command: 'sshd', why: 'a test', packages: { apt: 'openssh-server', dnf: 'openssh-server' } },
  ];

  /** A fake machine with one package manager, which records the commands and whether services were held off. */
  function machineWith(manager: string) {
    const told: string[] = [];
    let hasSshd = false;
    const machine = {
      isRoot: true,
      hasLibrary: () => true,
      findCommand: (name: string) =>
        name === manager || (name === 'sshd' && hasSshd) ? `/usr/bin/${name}` : undefined,
      run: (commands: string[][]) => {
        told.push(...commands.map(([program, ...rest]) => `${program} ${rest.at(-1)}`));
        hasSshd = true;
        return { succeeded: true, output: '' };
      },
      withoutServices: <T>(install: () => T) => {
        told.push('without services:');
        try {
          return install();
        } finally {
          told.push('done');
        }
      },
    };
    return { machine, told };
  }

  it('installs with apt, which would start services, without any', () => {
    const { machine, told } = machineWith('apt-get');
    ensureSystemPackages(needs, machine);
    expect(told).toEqual(['without services:', 'apt-get update', 'apt-get openssh-server', 'done']);
  });

  it('leaves others, which start none, as they are', () => {
    const { machine, told } = machineWith('dnf');
    ensureSystemPackages(needs, machine);
    expect(told).toEqual(['dnf openssh-server']);
  });
});
