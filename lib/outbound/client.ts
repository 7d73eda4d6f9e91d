import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { Problem, systemErrorCode } from '../errors.js';
import type { Connections } from './connections.js';
import { remoteProblem } from './failures.js';
import { headersFor, type SentHeaders } from './headers.js';
import { readAtMost } from './read-at-most.js';
import { publicResolver, type Resolve, systemResolver } from './resolver.js';
import { type OutboundRules, urlFault } from './url.js';

/** A request of the service itself, to a URL that a client gave. */
export interface OutboundRequest extends SentHeaders {
  readonly method: 'GET' | 'HEAD' | 'POST';
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

/** How connections are made. */
export interface OutboundOptions {
  /** For tests. */
  readonly resolve?: Resolve;
  /**
   * Whether a connection is kept for the next GET or HEAD to its origin. A POST has one of its own: one that
   * was kept may be half dead, and would cost an attempt, for it cannot be known whether it has arrived.
   */
  readonly keepAlive?: boolean;
}

const CONNECT_TIMEOUT_MS = 5_000;
const CLOSED = /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/;
const REDIRECTS = [301, 302, 303, 307, 308];
/** Of the answer that redirects, so that its connection can be kept. */
const REDIRECT_BYTES = 16 * 1024;
const REDIRECT_MS = 1_000;

/** Opens the client. */
export function openOutbound(rules: OutboundRules, options: OutboundOptions = {}): Outbound {
  const { keepAlive = false, resolve = rules.allowPrivateHosts ? systemResolver : publicResolver() } =
    options;
  let opened: ReturnType<typeof open> | undefined;
  // undici is half of all that a worker would load, and many never ask anybody: it comes with the first request.
  async function open() {
    const { guardedConnector } = await import('./connect.js');
    const { keptConnections, newConnections } = await import('./connections.js');
    const connect = guardedConnector(rules, resolve, CONNECT_TIMEOUT_MS);
    return { fresh: newConnections(connect), kept: keepAlive ? keptConnections(connect) : undefined };
  }

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
    for (let url = wanted.url, left = wanted.maxRedirects; ; left -= 1) {
      const target = allowedUrl(url, rules);
      const answer = await askOne(target, { ...wanted, headers: headersFor(target, wanted) }, signal);
      const next = wanted.maxRedirects > 0 ? redirectIn(answer, target) : undefined;
      if (next === undefined) return answer;
      await readAtMost(answer.body, REDIRECT_BYTES, REDIRECT_MS);
      if (left === 0) throw new Problem('REMOTE_UNREACHABLE', 'The remote host redirects too often.');
      url = next;
    }
  }

  async function askOne(target: URL, wanted: OutboundRequest, signal: AbortSignal): Promise<OutboundAnswer> {
    opened ??= open();
    const { fresh, kept } = await opened;
    if (!kept || wanted.method === 'POST') return askBy(fresh, target, wanted, signal);
    try {
      return await askBy(kept, target, wanted, signal);
    } catch (error) {
      // The host may have closed it in the very moment: that says nothing of the host.
      if (signal.aborted || !CLOSED.test(systemErrorCode(error) ?? '')) throw error;
      return askBy(fresh, target, wanted, signal);
    }
  }

  const close = async (): Promise<void> => {
    const connections = await opened;
    await Promise.all([connections?.fresh.close(), connections?.kept?.close()]);
  };
  return { ask, close };
}

async function askBy(
  connections: Connections,
  { origin, pathname, search, href }: URL,
  { method, headers, body, timeoutMs }: OutboundRequest,
  signal: AbortSignal,
): Promise<OutboundAnswer> {
  const { dispatcher, isLast, release } = connections.take(origin);
  try {
    const answer = await dispatcher.request({
      origin,
      path: pathname + search,
      method,
      signal,
      reset: isLast,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      ...(headers && { headers }),
      ...(body !== undefined && { body }),
    });
    // Who gives a body up hears no error of it; who reads it does.
    answer.body.on('error', () => {}).once('close', release);
    return { status: answer.statusCode, headers: answer.headers, body: answer.body, url: href };
  } catch (error) {
    release();
    throw error;
  }
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
