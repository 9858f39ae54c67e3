import { boxCommands } from '../../lab/box-plan.ts';
import { BOX_SCENARIOS } from '../../scenario/box-catalogue.ts';
import type { BoxScenario } from '../../scenario/scenario.ts';
import { fence, markdownBlock, markdownTable } from './markdown.ts';

const HEAD = `# Boxes in between

This page shows what connections get into when a firewall, a router or a NAT between their ends drops or forgets them. \`npm run docs\`
generates it from the scenarios of \`tcplab run box\`.

\`\`\`sh
tcplab run box
tcplab hold box-forgot-rst
tcplab run box-forgot-silent --ladder
tcplab explain box-mtu-black-hole
\`\`\`

In these labs a third host, the box, forwards what the client and the server send to each other. The ends keep their addresses,
192.168.2.10 and 192.168.2.11, and do not know of it. It has the address 192.168.2.1, the interface \`eth0\` to the client and \`eth1\` to
the server. tcplab reads its entry of the connection (as \`conntrack -L\` prints it) whenever it reads the socket tables, and
logs each packet that a rule of the box drops.

**conntrack is not a witness.** Its words are not states of a socket: its CLOSE_WAIT means that one FIN was acknowledged, whichever
end sent it, and its LAST_ACK is often FIN-WAIT-1 at both ends. So tcplab shows the entry beside the sockets, and only the
witnesses of both ends vote on their states. A scenario is proven only if, in addition, the box dropped a packet of the connection and, where
its name says so, had an entry and has none any more.

A box needs a lab in namespaces of its own: it is not available between remote hosts, in the live page, or with \`--count\`.
`;

/** docs/boxes.md */
export function boxesPage(): string {
  const rows = BOX_SCENARIOS.map(({ id, title, about }) => [
    `[${id}](#${id})`,
    title,
    firstSentence(about.end),
  ]);
  const parts = [
    HEAD,
    markdownTable(['Scenario', 'What happens', 'What ends it'], rows),
    '',
    ...BOX_SCENARIOS.map(section),
  ];
  // The pages of the states are in a folder of their own.
  return parts.join('\n').replaceAll(/\]\(([a-z0-9-]+\.md)\)/g, '](states/$1)');
}

function section({ id, title, held, peer, box, about }: BoxScenario): string {
  const { steps, client, server, tracked, end, fix, remark } = about;
  const other = held.host === 'client' ? 'server' : 'client';
  const blocks = [
    `## ${id}`,
    markdownBlock(`${title.charAt(0).toUpperCase()}${title.slice(1)}.`),
    markdownBlock({ points: steps }),
    markdownBlock(`tcplab holds the ${held.host} in ${held.state}, with the ${other} in ${peer}:`),
    markdownBlock({
      points: [`client: ${client}`, `server: ${server}`, `conntrack in the box: ${quoted(tracked)}`],
    }),
    `**What ends it.** ${markdownBlock(end)}`,
    `**What to do.** ${markdownBlock(fix)}`,
    markdownBlock(remark),
    'The box, without tcplab:',
    fence(boxCommands(box, 'ipv4').join('\n'), 'sh'),
  ];
  return `${blocks.join('\n\n')}\n`;
}

/** The words of conntrack are not states of TCP, which would become links. */
function quoted(tracked: string): string {
  return tracked.replaceAll(/\b(?:SYN_SENT|CLOSE_WAIT|ESTABLISHED)(?: \[\w+\])?/g, '`$&`');
}

function firstSentence(text: string): string {
  return text.replace(/(?<=[a-z0-9)])\.\s.*/, '.').replaceAll(/\b\w+_\w+\b/g, (name) => `\`${name}\``);
}
