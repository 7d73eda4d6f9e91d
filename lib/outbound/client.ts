import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { Client } from 'undici';
import { Problem } from '../errors.js';
import { guardedConnector } from './connect.js';
import { remoteProblem } from './failures.js';
import { publicResolver, type Resolve, systemResolver } from './resolver.js';
import { type OutboundRules, urlFault } from './url.js';

type Headers = Readonly<Record<string, string>>;

/** A request of the service itself, to a URL that a client gave. */
export interface OutboundRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: string;
  /** Sent to the URL's own origin only, not to one that it redirects to. */
  readonly headers?: Headers;
  readonly body?: string;
  /** From the first look-up to the end of the answer's body, in ms. */
  readonly timeoutMs: number;
  /** How many redirects are followed (GET and HEAD); 0: a redirect is an answer like any other. */
  readonly maxRedirects: number;
  readonly signal?: AbortSignal;
}

/** An answer whose body is still to be read, or destroyed; see {@link readAtMost}. */
export interface OutboundAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** The URL that answered. */
  readonly url: string;
}

/** Asks other hosts, without reaching what lies behind our own firewall. */
export interface Outbound {
  /**
   * @throws Problem ADDRESS_NOT_ALLOWED (422) for a URL, redirect or look-up that leads where it must not;
   * REMOTE_TIMED_OUT (504) or REMOTE_UNREACHABLE (502); the reason of an aborted signal
   */
  ask(request: OutboundRequest): Promise<OutboundAnswer>;
  /** Ends every connection. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
const REDIRECTS = [301, 302, 303, 307, 308];

/** Opens the client. `resolve` is for tests. */
export function openOutbound(
  rules: OutboundRules,
  resolve: Resolve = rules.allowPrivateHosts ? systemResolver : publicResolver(),
): Outbound {
  const connect = guardedConnector(rules, resolve, CONNECT_TIMEOUT_MS);
  const clients = new Set<Client>();

  async function ask(wanted: OutboundRequest): Promise<OutboundAnswer> {
    const timeout = AbortSignal.timeout(wanted.timeoutMs);
    const signal = wanted.signal ? AbortSignal.any([wanted.signal, timeout]) : timeout;
    try {
      return await follow(wanted, signal);
    } catch (error) {
      wanted.signal?.throwIfAborted();
      throw remoteProblem(error);
    }
  }

  async function follow(wanted: OutboundRequest, signal: AbortSignal): Promise<OutboundAnswer> {
    const { origin } = allowedUrl(wanted.url, rules);
    for (let url = wanted.url, left = wanted.maxRedirects; ; left -= 1) {
      const target = allowedUrl(url, rules);
      const headers = target.origin === origin ? wanted.headers : undefined;
      const answer = await askOne(target, { ...wanted, headers }, signal);
      const next = wanted.maxRedirects > 0 ? redirectIn(answer, target) : undefined;
      if (next === undefined) return answer;
      answer.body.destroy();
      if (left === 0) throw new Problem('REMOTE_UNREACHABLE', 'The remote host redirects too often.');
      url = next;
    }
  }

  /** By a client and a connection of its own: one that was kept may be half dead, and would cost an attempt. */
  async function askOne(
    target: URL,
    { method, headers, body, timeoutMs }: Omit<OutboundRequest, 'headers'> & { headers: Headers | undefined },
    signal: AbortSignal,
  ): Promise<OutboundAnswer> {
    const client = new Client(target.origin, { connect, maxHeaderSize: MAX_HEADER_BYTES });
    clients.add(client);
    const end = (): void => {
      clients.delete(client);
      void client.destroy();
    };
    try {
      const answer = await client.request({
        path: target.pathname + target.search,
        method,
        signal,
        reset: true,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        ...(headers && { headers }),
        ...(body !== undefined && { body }),
      });
      // Who gives a body up hears no error of it; who reads it does.
      answer.body.on('error', () => {}).once('close', end);
      return { status: answer.statusCode, headers: answer.headers, body: answer.body, url: target.href };
    } catch (error) {
      end();
      throw error;
    }
  }

  const close = async (): Promise<void> => {
    await Promise.all([...clients].map((client) => client.destroy()));
  };
  return { ask, close };
}

/** @throws Problem ADDRESS_NOT_ALLOWED */
function allowedUrl(text: string, rules: OutboundRules): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const fault = url ? urlFault(url, rules) : 'is not a URL';
  if (url && fault === undefined) return url;
  throw new Problem('ADDRESS_NOT_ALLOWED', `The URL ${fault}.`);
}

function redirectIn({ status, headers }: OutboundAnswer, base: URL): string | undefined {
  const { location } = headers;
  if (!REDIRECTS.includes(status) || location === undefined || !URL.canParse(location, base.href))
    return undefined;
  return new URL(location, base.href).href;
}
