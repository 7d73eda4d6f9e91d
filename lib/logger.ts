import { type Logger as PinoLogger, pino, transport } from 'pino';

/** What the service logs with; Fastify's own logger is one too. */
export type Logger = Pick<PinoLogger, 'fatal' | 'error' | 'warn' | 'info' | 'debug'>;

/** How the logger writes: level, and whether people read it. */
export interface LoggerOptions {
  readonly level: string;
  /** Colours and short times for a terminal, instead of JSON lines. */
  readonly pretty: boolean;
}

/**
 * The service's logger: JSON lines on standard output, or readable ones for a terminal.
 * Secrets never reach it: whole URLs of backends and authorization headers are redacted.
 */
export function createLogger(name: string, { level, pretty }: LoggerOptions): PinoLogger {
  const options = {
    name,
    level,
    base: { process: name, pid: process.pid },
    redact: [
      '*.databaseUrl',
      '*.redisUrl',
      'req.headers.authorization',
      'headers.authorization',
      'headers.cookie',
    ],
  };
  return pretty
    ? pino(
        options,
        transport({
          target: 'pino-pretty',
          options: { ignore: 'pid,process,hostname', translateTime: 'SYS:HH:MM:ss' },
        }),
      )
    : pino(options);
}
