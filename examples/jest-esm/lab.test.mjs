import { once } from 'node:events';
import http from 'node:http';
import { createLab } from 'tcplab/testing';
import 'tcplab/testing/jest';

let lab;
beforeEach(async () => {
  lab = await createLab();
});
afterEach(() => lab.close());

it('a server that does not close its end stays in CLOSE-WAIT', async () => {
  const connection = await lab.connected();

  await connection.client.close();

  await expect(connection).toBeInState('CLOSE-WAIT', { on: 'server', within: 1000 });
  await expect(connection).toBeInState('FIN-WAIT-2', { on: 'client', within: 1000 });
});

it('a client gives up a request that gets no response', async () => {
  await lab.server.drop({ direction: 'in' });

  const request = lab.client.run(() => http.get({ host: lab.server.address, timeout: 100 }));
  request.on('timeout', () => request.destroy(new Error('timed out')));
  const [error] = await once(request, 'error');

  expect(error.message).toBe('timed out');
  await expect(await lab.nextConnection()).toBeInState('CLOSED', { on: 'client' });
});
