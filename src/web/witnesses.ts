import type { WitnessView } from '../report/pages/view-model.ts';
import { html, table } from './nodes.ts';

const WORDS = new Map<boolean | null, string>([
  [true, '✓ agrees'],
  [false, '✗ contradicts'],
  [null, '– cannot see this state'],
]);

/** What each witness reported of each end, for the whole hold. */
export function witnessTable(witnesses: readonly WitnessView[]): HTMLElement {
  if (witnesses.length === 0) return html('p', { class: 'none' }, 'There is nothing to witness yet.');
  const rows = witnesses.map(({ host, witness, says, agrees, why }) =>
    html(
      'tr',
      { class: agrees === true ? 'good' : agrees === false ? 'bad' : 'unsure' },
      html('th', { scope: 'row' }, host),
      ...[witness, says ?? '–', WORDS.get(agrees) ?? '', why ?? ''].map((text) => html('td', {}, text)),
    ),
  );
  const heads = ['Host', 'Witness', 'Reports', 'Result', 'Why'];
  return table({ class: 'witnesses' }, heads, html('tbody', {}, ...rows));
}
