import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Problem, type ProblemCode, problems, storageProblem } from '../lib/errors.js';
import { linger } from '../lib/http/linger.js';
import { Timings } from '../lib/http/timings.js';
import { validationProblem } from '../lib/validation.js';

/** The framework's own errors that a client can meet, as ours. */
const frameworkCodes: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'JSON_INVALID',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'BODY_EMPTY',
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'MEDIA_TYPE_UNSUPPORTED',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'MEDIA_TYPE_UNSUPPORTED',
  FST_REQ_FILE_TOO_LARGE: 'UPLOAD_TOO_LARGE',
  FST_FILES_LIMIT: 'FILE_DUPLICATE',
};

/** What else the framework throws, by its status. */
const statusCodes: Readonly<Record<number, ProblemCode>> = {
  404: 'NOT_FOUND',
  413: 'BODY_TOO_LARGE',
  414: 'URI_TOO_LONG',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  503: 'SHUTTING_DOWN',
};

const RETRY_AFTER_OVERLOAD_SECONDS = 2;

/** The one place where errors become answers: `application/problem+json` (RFC 9457). */
export default fp(
  async (app) => {
    const routes = new Map<string, Set<string>>();
    app.addHook('onRoute', ({ url, method }) => {
      const methods = routes.get(url) ?? new Set();
      for (const each of [method].flat()) methods.add(each);
      routes.set(url, methods);
    });

    app.setErrorHandler((error: FastifyError, request, reply) => {
      if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
        // The framework has the connection closed, on which the client may still be sending.
        reply.removeHeader('connection');
        linger(request.raw);
      }
      return sendProblem(request, reply, toProblem(error, request));
    });
    app.setNotFoundHandler((request, reply) => {
      const path = request.url.split('?', 1)[0] ?? '';
      const allowed = [...routes]
        .filter(([pattern]) => matches(pattern, path))
        .flatMap(([, methods]) => [...methods]);
      const problem =
        allowed.length > 0
          ? new Problem(
              'METHOD_NOT_ALLOWED',
              `${request.method} is not allowed here; allowed are ${allowed.join(', ')}.`,
              {
                headers: { Allow: [...new Set(allowed)].join(', ') },
              },
            )
          : new Problem('NOT_FOUND', 'There is nothing under this path.');
      app.metrics.onUnrouted(request.method, problem.status, request.timings.total() / 1000);
      return sendProblem(request, reply, problem);
    });
  },
  { name: 'problem-details', dependencies: ['request-context'] },
);

/** Answers a request whose path the router cannot read, and for which no hook runs. For `frameworkErrors`. */
export function answerUnroutable(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const problem =
    error.code === 'FST_ERR_MAX_PARAM_LENGTH'
      ? new Problem('NOT_FOUND', 'There is nothing under this path.')
      : new Problem('BAD_REQUEST', 'The path is not valid percent-encoding.');
  reply.headers({
    'x-request-id': request.id,
    'x-content-type-options': 'nosniff',
    'server-timing': new Timings().header(),
  });
  sendProblem(request, reply, problem);
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status >= 500) {
    const line = { request: request.id, code: problem.code, err: problem.cause ?? problem };
    request.server.log[problem.code === 'INTERNAL' ? 'error' : 'warn'](line, problem.code);
  }
  // Whatever the route had set was for an answer that is not sent.
  for (const name of [
    'etag',
    'last-modified',
    'content-encoding',
    'content-disposition',
    'content-length',
    'repr-digest',
  ]) {
    reply.removeHeader(name);
  }
  return reply
    .code(problem.status)
    .headers({
      'cache-control': 'no-store',
      ...problem.headers,
      ...(problem.retryAfter !== undefined && { 'retry-after': String(problem.retryAfter) }),
    })
    .type('application/problem+json')
    .send(JSON.stringify({ ...problem.toJSON(), instance: request.id }));
}

/** Any error as a problem: ours as it is, the framework's by its code, everything else a plain 500. */
function toProblem(thrown: FastifyError, request: FastifyRequest): Problem {
  const error = storageProblem(thrown);
  if (error instanceof Problem) return error;
  if (thrown.validation) {
    // The framework's type is Ajv's, but for the optional members.
    return validationProblem(
      thrown.validation.map((each) => ({ ...each, schemaPath: each.schemaPath ?? '' })),
      '',
    );
  }
  const code = frameworkCodes[thrown.code] ?? codeOfStatus(thrown.statusCode);
  if (code === 'INTERNAL')
    return new Problem(code, 'The fault is ours; the log has more.', { cause: thrown });
  if (code === 'OVERLOADED') {
    return new Problem(code, 'The server has more to do than it can; try again.', {
      retryAfter: RETRY_AFTER_OVERLOAD_SECONDS,
    });
  }
  return new Problem(code, code === 'NOT_FOUND' ? problems[code].title : thrown.message, {
    cause: thrown,
    ...(code === 'MEDIA_TYPE_UNSUPPORTED' &&
      request.method === 'POST' && { headers: { Accept: acceptable(request) } }),
  });
}

function codeOfStatus(status: number | undefined): ProblemCode {
  if (status === undefined || status >= 500) return statusCodes[status ?? 500] ?? 'INTERNAL';
  return statusCodes[status] ?? 'BAD_REQUEST';
}

/** What the route takes, for `Accept` beside a 415 (RFC 9110, 15.5.16). */
function acceptable(request: FastifyRequest): string {
  return request.routeOptions.config.accepts ?? 'application/json';
}

/** Whether a path is one that a route's pattern stands for. */
function matches(pattern: string, path: string): boolean {
  const expected = pattern.split('/');
  const given = path.replace(/\/$/, '').split('/');
  return (
    expected.length === given.length && expected.every((part, i) => part.startsWith(':') || part === given[i])
  );
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Media types that the route takes as a body, where it is not JSON. */
    accepts?: string;
  }
}
