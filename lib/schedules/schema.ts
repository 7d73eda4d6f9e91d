import { Type } from 'typebox';
import { Id, Nullable, ProblemSchema, Time } from '../schemas.js';

const MIN_EVERY_MS = 1_000;
const YEAR_MS = 366 * 86_400_000;
const DAY_SECONDS = 86_400;

const settings = {
  name: Type.String({ minLength: 1, maxLength: 200, description: 'For people' }),
  cron: Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'A cron expression of five fields, or six with seconds first',
  }),
  every: Type.Integer({
    minimum: MIN_EVERY_MS,
    maximum: YEAR_MS,
    description: 'Milliseconds between two runs, counted from its creation; instead of cron',
  }),
  timezone: Type.String({ description: 'Zone of the IANA database in which cron is read' }),
  jitterSeconds: Type.Integer({
    minimum: 0,
    maximum: DAY_SECONDS,
    description:
      'Each run begins up to so many seconds after its tick, so that many do not begin at once. Default: 30 for cron, 0 for every',
  }),
  enabled: Type.Boolean({ description: 'Whether it runs' }),
};

const body = Type.Unsafe<object>({ type: 'object', additionalProperties: true });

const RunSchema = Type.Object(
  {
    export: Type.Optional(body),
    batch: Type.Optional(body),
  },
  {
    minProperties: 1,
    maxProperties: 1,
    additionalProperties: false,
    description: 'One of export and batch: the body of POST /v1/exports or /v1/batches',
  },
);

/** The body that makes a schedule. */
export const NewScheduleSchema = Type.Object(
  {
    name: settings.name,
    cron: Type.Optional(settings.cron),
    every: Type.Optional(settings.every),
    timezone: Type.String({ ...settings.timezone, default: 'UTC' }),
    jitterSeconds: Type.Optional(settings.jitterSeconds),
    run: RunSchema,
    enabled: Type.Boolean({ ...settings.enabled, default: true }),
  },
  { additionalProperties: false },
);

/** The body that changes one: what it names. */
export const ScheduleChangeSchema = Type.Object(
  {
    name: Type.Optional(settings.name),
    cron: Type.Optional(settings.cron),
    every: Type.Optional(settings.every),
    timezone: Type.Optional(settings.timezone),
    jitterSeconds: Type.Optional(settings.jitterSeconds),
    run: Type.Optional(RunSchema),
    enabled: Type.Optional(settings.enabled),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** A schedule as the API shows it. */
export const ScheduleSchema = Type.Object(
  {
    id: Id('The schedule'),
    name: settings.name,
    cron: Nullable(settings.cron),
    every: Nullable(settings.every),
    timezone: settings.timezone,
    jitterSeconds: settings.jitterSeconds,
    run: RunSchema,
    enabled: settings.enabled,
    nextRunAt: Nullable(Time('When it runs next; null: not at all')),
    lastRunAt: Nullable(Time('When it last ran')),
    lastJobId: Nullable(Id('The job of that run')),
    lastError: Nullable(Type.Omit(ProblemSchema, ['instance'], { description: 'Why that run made no job' })),
    createdAt: Time('When it was made'),
    updatedAt: Time('When it was last changed'),
  },
  { $id: 'Schedule', description: 'Work that begins by the clock' },
);
