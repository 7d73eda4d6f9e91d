import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { TurnResponse } from '../../../lib/http/turn-response.js';
import { Recorder } from '../../helpers/events.js';
import { open } from '../../helpers/raw-http.js';

t.test('answers that are held go out after their turn, whole and in order', async (t) => {
  const endedAtOnce: string[] = [];
  const server = createServer({ ServerResponse: TurnResponse }, (request, response) => {
    const name = request.url ?? '';
    if (name !== '/now') response.hold();
    response.writeHead(200, { 'content-type': 'text/plain' }).end(`<${name}>`, 'utf8');
    if (response.writableEnded) endedAtOnce.push(name);
  });
  t.teardown(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;

  const socket = await open(`http://127.0.0.1:${port}`);
  const ask = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  // One packet, so that they come in one turn.
  socket.write(ask('/1') + ask('/2') + ask('/now') + ask('/3', 'Connection: close\r\n'));
  const bodies = (await text(socket)).match(/<.*?>/g);
  t.same(bodies, ['</1>', '</2>', '</now>', '</3>']);
  t.same(endedAtOnce, ['/now']);
});

t.test('a client that leaves while its answer is held harms nobody', async (t) => {
  const over = new Recorder<string | undefined>();
  const server = createServer({ ServerResponse: TurnResponse }, (request, response) => {
    response.once('close', () => over.add(request.url));
    response.hold();
    if (request.url === '/gone') request.socket.destroy();
    response.end('here');
  });
  t.teardown(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await t.rejects(fetch(`${url}/gone`));
  t.equal(await (await fetch(url)).text(), 'here');
  t.same(await over.length(2), ['/gone', '/']);
});
