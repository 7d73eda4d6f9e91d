import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A GET that is asked again and again. */
export interface LoadTarget {
  readonly origin: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The status that every answer must have. */
  readonly status: number;
}

const HEAD_END = '\r\n\r\n';
const WARM_UP_MS = 500;

/**
 * Keeps some connections busy, each with one request at a time, and counts the answers. It knows just
 * enough HTTP for that: a general client costs more than the server that it would have to outrun.
 *
 * @param during called between the first and the last answer that count
 * @returns answers a second
 * @throws Error on any answer of another status
 */
export async function load(
  target: LoadTarget,
  connections: number,
  seconds: number,
  during: { begin: () => void; end: () => void },
): Promise<number> {
  const clients = await Promise.all(Array.from({ length: connections }, () => Client.open(target)));
  const count = (): number => clients.reduce((sum, client) => sum + client.answers, 0);
  const failed = Promise.race(clients.map((client) => client.failed));
  try {
    for (const client of clients) client.ask();
    await Promise.race([failed, delay(WARM_UP_MS)]);
    const [before, started] = [count(), performance.now()];
    during.begin();
    await Promise.race([failed, delay(seconds * 1000)]);
    during.end();
    return ((count() - before) * 1000) / (performance.now() - started);
  } finally {
    for (const client of clients) client.close();
  }
}

class Client {
  answers = 0;
  /** Rejects when an answer is not as wanted, or the connection breaks. */
  readonly failed: Promise<never>;
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #statusLine: string;
  #rest: Buffer = Buffer.alloc(0);

  static open(target: LoadTarget): Promise<Client> {
    const { hostname, port } = new URL(target.origin);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new Client(socket, target)));
      socket.setNoDelay(true).once('error', reject);
    });
  }

  private constructor(socket: Socket, { origin, path, headers = {}, status }: LoadTarget) {
    this.#socket = socket;
    this.#statusLine = `HTTP/1.1 ${status} `;
    const fields = Object.entries({ Host: new URL(origin).host, ...headers });
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.#request = Buffer.from(`GET ${path} HTTP/1.1\r\n${lines}\r\n`);
    this.failed = new Promise((_, reject) => {
      socket.on('error', reject);
      socket.on('data', (chunk) => {
        try {
          this.#take(chunk);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  ask(): void {
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const answer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = answer;
    const headEnd = answer.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const head = answer.toString('latin1', 0, headEnd);
    if (!head.startsWith(this.#statusLine)) throw new Error(`answered ${head.split('\r\n')[0]}`);
    const length = /content-length: (\d+)/i.exec(head)?.[1] ?? '0';
    if (answer.length < headEnd + HEAD_END.length + Number(length)) return;
    this.#rest = Buffer.alloc(0);
    this.answers += 1;
    this.ask();
  }
}
