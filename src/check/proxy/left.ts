import type { HostName } from '../../evidence/events.ts';
import type { Lab } from '../../lab/lab.ts';
import { type Forecast, isOrphan } from '../../tcp/forecast.ts';
import type { SocketRow } from '../../tcp/socket-row.ts';
import { describeEnd } from '../describe.ts';
import type { LeftSocket, RelayEnd } from '../finding.ts';

/** Which host of which lab has an end. */
export const PLACES: Readonly<Record<RelayEnd, readonly ['front' | 'back', HostName]>> = {
  client: ['front', 'client'],
  relayClientSide: ['front', 'server'],
  relayServerSide: ['back', 'client'],
  server: ['back', 'server'],
};

/** The sockets of connections, in any state. */
export function connected(rows: readonly SocketRow[]): SocketRow[] {
  return rows.filter(({ state, remote }) => state !== 'LISTEN' && remote.port !== 0);
}

type Predict = (row: SocketRow, host: HostName, lab: Lab) => Promise<Forecast>;

/** What is left at the four ends now. */
export async function leftAt(
  labs: Record<'front' | 'back', Lab>,
  predict: Predict,
): Promise<Record<RelayEnd, LeftSocket[]>> {
  const at = async (end: RelayEnd) => {
    const [leg, host] = PLACES[end];
    const lab = labs[leg];
    const rows = connected(await lab.host(host).observe());
    return Promise.all(rows.map(async (row) => leftSocket(row, await predict(row, host, lab))));
  };
  return {
    client: await at('client'),
    relayClientSide: await at('relayClientSide'),
    relayServerSide: await at('relayServerSide'),
    server: await at('server'),
  };
}

function leftSocket(row: SocketRow, forecast: Forecast): LeftSocket {
  const { state, receiveQueue, sendQueue, timer, expiresMs } = row;
  return {
    ...{ state, receiveQueue, sendQueue, timer, expiresMs },
    isOrphan: isOrphan(row),
    endsInMs: forecast.givesUpMs,
    endsBy: describeEnd(row, forecast),
  };
}
