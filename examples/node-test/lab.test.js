import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { it } from 'node:test';
import { assertState, createLab } from 'tcplab/testing';

it('a server that does not close its end stays in CLOSE-WAIT', async (test) => {
  const lab = await createLab();
  test.after(() => lab.close());
  const connection = await lab.connected();

  await connection.client.close();

  await assertState(connection, 'CLOSE-WAIT', { on: 'server', within: 1000 });
  await assertState(connection, 'FIN-WAIT-2', { on: 'client', within: 1000 });
});

it('a client gives up a request that gets no response', async (test) => {
  const lab = await createLab();
  test.after(() => lab.close());
  await lab.server.drop({ direction: 'in' });

  const request = lab.client.run(() => http.get({ host: lab.server.address, timeout: 100 }));
  request.on('timeout', () => request.destroy(new Error('timed out')));
  const [error] = await once(request, 'error');

  assert.equal(error.message, 'timed out');
  await assertState(await lab.nextConnection(), 'CLOSED', { on: 'client' });
});
