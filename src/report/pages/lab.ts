import type { RunStarted } from '../../evidence/events.ts';
import type { Timeline } from '../../evidence/timeline.ts';
import { ARC_SCENARIOS } from '../../scenario/arc-catalogue.ts';
import { BOX_SCENARIOS } from '../../scenario/box-catalogue.ts';
import { CATALOGUE } from '../../scenario/catalogue.ts';
import { parseSysctls } from '../../tcp/sysctls.ts';
import { formatPcapng } from '../files/pcapng/pcapng.ts';
import { explainScenario } from '../guide/explain.ts';
import { textSections } from '../guide/sections.ts';
import { outputOf } from '../story/result.ts';
import type { ReportLab } from './report-model.ts';
import { viewOf } from './view.ts';

type About = { name: string; title: string };
/** What made it, and where. */
export type Origin = Pick<RunStarted, 'tool' | 'machine'>;

/** A lab of a report, and the explanation of its scenario, if it had one. */
export function reportLab(
  timeline: Timeline,
  about: About,
  number: number | null,
  origin: Origin,
): ReportLab {
  const name = number === null ? about.name : `${about.name}.${number}`;
  return {
    view: viewOf(timeline, { ...about, name }),
    sections: sectionsOf(about.name),
    programs: timeline.of('program-started').map(({ host, program, command }) => {
      const ended = timeline.of('program-ended').find((event) => event.program === program);
      return {
        ...{ host, command },
        ended: ended ? `exited: ${ended.status}` : 'stopped by tcplab',
        output: outputOf(timeline, OUTPUT_SHOWN, program),
      };
    }),
    pcapng: { name: `${name}.pcapng`, base64: formatPcapng(timeline, origin).toString('base64') },
  };
}

const OUTPUT_SHOWN = 20_000;

/** What a scenario is called; those of arcs as well. */
export function aboutScenario(id: string): About {
  return { name: id, title: scenarioCalled(id)?.title ?? '' };
}

function sectionsOf(id: string): ReportLab['sections'] {
  const scenario = scenarioCalled(id);
  if (!scenario) return [];
  // A report may be read on another machine, so the numbers are a kernel's defaults.
  return textSections(
    explainScenario(scenario, { sysctls: KERNEL_DEFAULTS, of: 'a kernel with its defaults' }),
  );
}

const KERNEL_DEFAULTS = parseSysctls(() => undefined);

function scenarioCalled(id: string) {
  return [...CATALOGUE, ...BOX_SCENARIOS, ...ARC_SCENARIOS].find((scenario) => scenario.id === id);
}
