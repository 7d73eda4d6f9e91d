import { Server } from '@tus/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { linger } from '../../lib/http/linger.js';
import { isUuid, newId } from '../../lib/ids.js';
import { imagePath, jobPath, uploadsPath } from '../../lib/paths.js';
import { parseChecksum } from '../../lib/uploads/checksum.js';
import type { UploadRow } from '../../lib/uploads/upload.js';
import { askerOf } from '../asker.js';
import { TusExchange, type UploadDeps } from './tus-exchange.js';
import { problemOfStatus, tusProblem } from './tus-problems.js';

/** What of a request is tus's matter. */
const TUS_HEADERS = /^(?:tus-resumable|upload-(?!checksum)[a-z-]+|content-(?:type|length))$/;
/** CORS is nobody's matter here. */
const FOREIGN_HEADERS = /^(?:access-control-.*|content-length)$/;

/**
 * Lets `@tus/server` answer a request. What it refuses becomes a problem; what it sends goes through the
 * framework, like every other answer.
 *
 * @param id of the upload; undefined where there is none
 * @param onCreate settles what an upload that is about to be made may be; what it throws refuses it
 */
export async function answerTus(
  deps: UploadDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  { id, onCreate }: { readonly id?: string; readonly onCreate?: (size: number) => Promise<void> },
): Promise<FastifyReply> {
  const exchange = new TusExchange(deps, {
    asker: askerOf(request),
    metadata: headerOf(request, 'upload-metadata') ?? '',
    checksum: parseChecksum(headerOf(request, 'upload-checksum')),
    body: request.raw,
  });
  let failure: unknown;
  const server = new Server({
    path: uploadsPath,
    relativeLocation: true,
    maxSize: deps.config.maxUploadBytes,
    datastore: exchange,
    locker: exchange,
    namingFunction: newId,
    getFileIdFromRequest: () => (id !== undefined && isUuid(id) ? id : undefined),
    onUploadCreate: async (_request, upload) => {
      exchange.begin();
      await onCreate?.(upload.size ?? 0);
      return {};
    },
    onResponseError: (_request, error) => {
      failure = tusProblem(error);
      return undefined;
    },
  });
  const answer = await server.handleWeb(toWeb(request));
  if (failure !== undefined) throw failure;
  if (answer.status >= 400) throw problemOfStatus(answer.status, await answer.text());
  if (!request.raw.complete) {
    // Somebody else wanted the lock: what still comes of the part is let pass by.
    linger(request.raw);
    reply.header('connection', 'close');
  }
  answer.headers.forEach((value, name) => {
    if (!FOREIGN_HEADERS.test(name)) reply.header(name, value);
  });
  return reply
    .code(answer.status)
    .headers(madeOf(exchange.row))
    .send(answer.status === 204 ? null : '');
}

/** Where what an upload became is found. */
function madeOf(row: UploadRow | undefined): Record<string, string> {
  return {
    ...(row?.imageId && { 'halftone-image': imagePath(row.imageId) }),
    ...(row?.jobId && { 'halftone-job': jobPath(row.jobId) }),
  };
}

/** The request without its body, as the library takes it. */
function toWeb({ method, headers }: FastifyRequest): Request {
  const kept = new Headers();
  for (const [name, value] of Object.entries(headers))
    if (typeof value === 'string' && value !== '' && TUS_HEADERS.test(name)) kept.set(name, value);
  return new Request(`http://localhost${uploadsPath}`, { method, headers: kept });
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}
