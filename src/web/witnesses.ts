import type { WitnessView } from '../report/pages/view-model.ts';
import { html } from './nodes.ts';

const WORDS = new Map<boolean | null, string>([
  [true, '✓ agrees'],
  [false, '✗ contradicts'],
  [null, '– cannot see this state'],
]);

/** What each witness reported of each end, for the whole hold. */
export function witnessTable(witnesses: readonly WitnessView[]): HTMLElement {
  if (witnesses.length === 0)
    return html('p', { class: 'none' }, 'No state was claimed, so there is nothing to witness.');
  const heads = ['Host', 'Witness', 'Reports', 'Result', 'Why'].map((name) =>
    html('th', { scope: 'col' }, name),
  );
  const rows = witnesses.map(({ host, witness, says, agrees, why }) =>
    html(
      'tr',
      { class: agrees === true ? 'good' : agrees === false ? 'bad' : 'unsure' },
      html('th', { scope: 'row' }, host),
      ...[witness, says ?? '–', WORDS.get(agrees) ?? '', why ?? ''].map((text) => html('td', {}, text)),
    ),
  );
  return html(
    'table',
    { class: 'witnesses' },
    html('thead', {}, html('tr', {}, ...heads)),
    html('tbody', {}, ...rows),
  );
}
