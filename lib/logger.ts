import { type Logger as PinoLogger, pino, stdSerializers, transport } from 'pino';
import { BatchedOutput } from './batched-output.js';

/** What the service logs with; Fastify's own logger is one too. */
export type Logger = Pick<PinoLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug'>;

/** How the logger writes: level, and whether people read it. */
export interface LoggerOptions {
  readonly level: string;
  /** Colours and short times for a terminal, instead of JSON lines. */
  readonly pretty: boolean;
}

/** The process's own: what a thread calls `process.stdout` has no descriptor. */
const STDOUT = 1;

/** What the log tells of a request. */
export interface RequestLine {
  readonly request: string;
  readonly method: string;
  /** Never the query: it may hold what a client would not want in a log. */
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

/** The service's logger, which also takes the line of a request: a warning where the service failed. */
export type ServiceLogger = PinoLogger & { readonly request: (line: RequestLine) => void };

/** The service's logger: JSON lines on standard output, or readable ones for a terminal. */
export function createLogger(name: string, { level, pretty }: LoggerOptions): ServiceLogger {
  const options = { level, base: { process: name, pid: process.pid }, serializers: { err: withoutSecrets } };
  const output = pretty
    ? transport({
        target: 'pino-pretty',
        options: { ignore: 'pid,process', translateTime: 'SYS:HH:MM:ss' },
      })
    : new BatchedOutput(STDOUT);
  const logger = pino(options, output);
  return Object.assign(logger, { request: requestLog(logger, output, name) });
}

/** Puts the text of a request's line together here: pino's way around it costs a poll a tenth of its time. */
function requestLog(
  logger: PinoLogger,
  output: { write(line: string): void },
  name: string,
): ServiceLogger['request'] {
  const { info, warn } = logger.levels.values;
  const bindings = `"process":${JSON.stringify(name)},"pid":${process.pid}`;
  return ({ request, method, path, status, ms }) => {
    const failed = status >= 500;
    if (!logger.isLevelEnabled(failed ? 'warn' : 'info')) return;
    // What may be in an id (see lib/http/request-id.ts) is the same in JSON.
    const what = `"request":"${request}","method":"${method}","path":${JSON.stringify(path)}`;
    output.write(
      `{"level":${failed ? warn : info},"time":${Date.now()},${bindings},${what},"status":${status},"ms":${ms},"msg":"request"}\n`,
    );
  };
}

/** An error for the log, without what clients of backends hang on it: a failed AUTH carries its password. */
function withoutSecrets(error: Error): object {
  const { command: _, parameters: __, args: ___, ...rest } = stdSerializers.err(error);
  return rest;
}
