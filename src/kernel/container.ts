import { existsSync, readFileSync } from 'node:fs';

/** The file that each engine puts into its containers. Kubernetes and containerd put none. */
const MARKS = { '/run/.containerenv': 'podman', '/.dockerenv': 'docker' } as const;

/** What allows a process without capabilities to make user namespaces, and to write to /proc/sys/net in them. */
const OPTIONS = {
  docker: '--security-opt seccomp=unconfined --security-opt systempaths=unconfined',
  podman: '--security-opt seccomp=unconfined --security-opt unmask=ALL',
} as const;

/** How to start the container that this process is in so that all of tcplab works. Undefined outside of a container. */
export function containerHint(): string | undefined {
  const engine = Object.entries(MARKS).find(([path]) => existsSync(path))?.[1];
  // A virtual machine may be made from a container's image, mark and all. But it has no mount there.
  if (engine === undefined || !readFileSync('/proc/self/mountinfo', 'utf8').includes(' /etc/hosts '))
    return undefined;
  return `start the container with \`${engine} run ${OPTIONS[engine]}\``;
}
