import { boxCommands } from '../../lab/box-plan.ts';
import type { BoxScenario } from '../../scenario/scenario.ts';
import type { Section } from './explanation/explanation.ts';

/** What is explained of a scenario with a box between the hosts. */
export function boxSections({ box, about }: BoxScenario): Section[] {
  const { steps, client, server, tracked, end, fix, remark } = about;
  return [
    { title: 'How it comes about', blocks: [{ points: steps }] },
    {
      title: 'What each shows',
      blocks: [{ points: [`client: ${client}`, `server: ${server}`, `conntrack in the box: ${tracked}`] }],
    },
    { title: 'What ends it', blocks: [end] },
    { title: 'What to do', blocks: [fix] },
    { title: 'Good to know', blocks: [remark] },
    {
      title: 'The box, without tcplab',
      blocks: [
        {
          to: 'In a host that forwards between the client on its eth0 and the server on its eth1, as root:',
          run: boxCommands(box, 'ipv4').join('\n'),
        },
      ],
    },
  ];
}
