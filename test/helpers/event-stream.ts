import { once } from 'node:events';
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { Job } from '../../lib/jobs/job.js';
import { eventually, Recorder } from './events.js';
import type { Teardown } from './services.js';

/** An event as a client gets it. */
export interface ReceivedEvent {
  readonly id: string;
  readonly event: string;
  readonly job: Job;
}

/** An open stream of Server-Sent Events. */
export interface EventClient {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly events: Recorder<ReceivedEvent>;
  /** Comment lines so far. */
  readonly comments: Recorder<string>;
  /** What a client would come back with: the last id, that of an event or one without. */
  lastId(): string | undefined;
  /** Resolves when the server has ended it; with whether it did so properly. */
  readonly ended: Promise<boolean>;
  /** The client leaves. */
  leave(): void;
  /** Reads nothing more, and leaves the connection open. */
  stopReading(): void;
}

/**
 * Opens a stream as an EventSource does, and comes again after a 503: the service may have just started on a
 * busy machine. It is closed with the test.
 */
export function follow(
  t: Teardown,
  url: string,
  path: string,
  lastId?: string,
  token?: string,
): Promise<EventClient> {
  return eventually(async () => {
    const client = await open(t, url, path, {
      ...(lastId !== undefined && { 'last-event-id': lastId }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    });
    return client.status === 503 ? undefined : client;
  });
}

async function open(
  t: Teardown,
  url: string,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<EventClient> {
  const request = get(new URL(path, url), {
    agent: false,
    headers: { accept: 'text/event-stream', ...headers },
  });
  t.teardown(() => request.destroy());
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (!response) throw new Error('there is no answer');
  const [events, comments] = [new Recorder<ReceivedEvent>(), new Recorder<string>()];
  let seen: string | undefined;
  let rest = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = fieldsOf(block);
      seen = fields.get('id') ?? seen;
      const comment = fields.get('');
      if (comment !== undefined) comments.add(comment);
      const data = fields.get('data');
      if (data !== undefined)
        events.add({ id: seen ?? '', event: fields.get('event') ?? '', job: JSON.parse(data) });
    }
  });
  const ended = new Promise<boolean>((resolve) => {
    response.on('error', () => undefined).once('close', () => resolve(response.complete));
  });
  request.on('error', () => undefined);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    comments,
    lastId: () => seen,
    ended,
    leave: () => void request.destroy(),
    stopReading: () => void response.pause(),
  };
}

/** The fields of a block; the comment stands under the empty name. */
function fieldsOf(block: string): Map<string, string> {
  return new Map(
    block.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}

/** What an event tells, in short: `completed 100`. */
export function told({ job }: ReceivedEvent): string {
  return `${job.state} ${job.progress}`;
}
