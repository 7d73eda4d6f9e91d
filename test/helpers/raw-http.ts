import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** A TCP connection to a service, for what fetch cannot send. */
export async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  return socket;
}

/** Sends bytes as they are and reads until the server closes. @returns the head's lines, and the body */
export async function exchange(url: string, request: string): Promise<{ head: string[]; body: string }> {
  const socket = await open(url);
  socket.write(request);
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n', 2);
  return { head: head.split('\r\n'), body };
}
