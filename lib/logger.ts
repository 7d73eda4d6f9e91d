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

/** The service's logger: JSON lines on standard output, or readable ones for a terminal. */
export function createLogger(name: string, { level, pretty }: LoggerOptions): PinoLogger {
  const options = { level, base: { process: name, pid: process.pid }, serializers: { err: withoutSecrets } };
  return pretty
    ? pino(
        options,
        transport({
          target: 'pino-pretty',
          options: { ignore: 'pid,process', translateTime: 'SYS:HH:MM:ss' },
        }),
      )
    : pino(options, new BatchedOutput(process.stdout.fd));
}

/** An error for the log, without what clients of backends hang on it: a failed AUTH carries its password. */
function withoutSecrets(error: Error): object {
  const { command: _, parameters: __, args: ___, ...rest } = stdSerializers.err(error);
  return rest;
}
