import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { succeed } from './processes.mjs';

/** @typedef {import('./lan.mjs').Addresses} Addresses */

/**
 * A key for this run alone.
 * @param {string} folder
 * @returns {Promise<string>} its public half, in Base64
 */
export async function makeKey(folder) {
  const key = join(folder, 'key');
  await succeed('making a key', ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', key]);
  return readFileSync(`${key}.pub`, 'utf8').split(' ')[1]?.trim() ?? '';
}

/**
 * A configuration for ssh that depends on nothing of its user's: no agent, no keys, no known hosts but the image's own.
 * @param {string} folder
 * @param {Record<string, Addresses>} addresses
 * @param {string} hostKey the file with the image's public host key
 * @returns {string} the file
 */
export function writeSshConfig(folder, addresses, hostKey) {
  const [type, blob] = readFileSync(hostKey, 'utf8').split(' ');
  const hosts = Object.entries(addresses);
  const known = hosts.map(([, { ipv4, ipv6 }]) => `${ipv4},${ipv6} ${type} ${blob}\n`);
  writeFileSync(join(folder, 'known_hosts'), known.join(''));

  const config = join(folder, 'ssh_config');
  const perHost = hosts.map(([name, { ipv4 }]) => `Host ${name}\n  HostName ${ipv4}\n`).join('');
  writeFileSync(
    config,
    `${perHost}
Host *
  User root
  IdentityFile "${join(folder, 'key')}"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "${join(folder, 'known_hosts')}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  PreferredAuthentications publickey
  # The default is safe from quantum computers too, and takes half a second longer without acceleration.
  KexAlgorithms curve25519-sha256
  BatchMode yes
  ConnectTimeout 30
  # A machine that is gone says no farewell.
  ServerAliveInterval 10
  LogLevel ERROR
`,
  );
  return config;
}
