import { Type } from 'typebox';
import { JobAuditSchema } from '../audit.js';
import { Bytes, Id, Nullable, Pixels, ProblemSchema, Time } from '../schemas.js';
import { jobTypes, priorities } from './job.js';
import { jobStates } from './state.js';

const Count = Type.Integer({ minimum: 0 });

/** What a job made; which members there are depends on its type. */
const JobResultSchema = Type.Object({
  imageId: Type.Optional(Id('resize: the image')),
  renditions: Type.Optional(
    Type.Array(
      Type.Object({
        id: Id('The rendition'),
        name: Nullable(Type.String()),
        contentType: Type.String(),
        width: Pixels('Width'),
        height: Pixels('Height'),
        bytes: Bytes,
        url: Type.String({ description: 'Path of its bytes' }),
      }),
    ),
  ),
  exportId: Type.Optional(Id('export: the export')),
  rows: Type.Optional(
    Type.Union([
      Type.Integer({ minimum: 0, description: 'export: rows, or files of an archive' }),
      Type.Object(
        { read: Count, accepted: Count, rejected: Count },
        { description: 'import: rows of the CSV, read so far' },
      ),
    ]),
  ),
  bytes: Type.Optional(Bytes),
  sha256: Type.Optional(Type.String({ description: 'export: SHA-256 of its file' })),
  members: Type.Optional(
    Type.Object(
      { total: Count, completed: Count, failed: Count, cancelled: Count },
      { description: 'batch, import: its jobs, and how they ended' },
    ),
  ),
  steps: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        type: Type.Enum(['export', 'notify']),
        jobId: Nullable(Id('Its job, once it has begun')),
        state: Type.Enum([...jobStates, 'waiting', 'skipped']),
      }),
      { description: 'batch: what comes after its members' },
    ),
  ),
  deliveryId: Type.Optional(Id('notify: the delivery')),
  status: Type.Optional(Nullable(Type.Integer({ description: "notify: the receiver's HTTP status" }))),
});

/** A job as the API shows it. */
export const JobSchema = Type.Object(
  {
    id: Id('The job'),
    type: Type.Enum([...jobTypes], { description: 'What kind of work it is' }),
    state: Type.Enum([...jobStates], { description: 'Where it stands' }),
    progress: Type.Integer({ minimum: 0, maximum: 100, description: 'Per cent' }),
    attempts: Type.Object({
      made: Type.Integer({ minimum: 0, description: 'Attempts so far' }),
      max: Type.Integer({ minimum: 1, description: 'Attempts before it fails for good' }),
    }),
    priority: Type.Enum([...priorities]),
    imageId: Nullable(Id('The image it works on')),
    parentId: Nullable(Id('The batch or import whose member it is')),
    runAt: Nullable(Time('Not before this time')),
    createdAt: Time('When it was asked for'),
    startedAt: Nullable(Time('When it was first taken in hand')),
    finishedAt: Nullable(Time('When it ended')),
    waitMs: Nullable(Type.Integer({ minimum: 0, description: 'Milliseconds from creation to start' })),
    runMs: Nullable(Type.Integer({ minimum: 0, description: 'Milliseconds from start to end' })),
    error: Nullable(
      Type.Omit(ProblemSchema, ['instance'], { description: 'Why it failed, or why it is tried again' }),
    ),
    result: Nullable(JobResultSchema),
    audit: Type.Optional(JobAuditSchema),
    links: Type.Object({
      self: Type.String(),
      events: Type.String({ description: 'Server-Sent Events of what becomes of it' }),
      cancel: Type.Optional(Type.String({ description: 'DELETE it to cancel the job' })),
      retry: Type.Optional(Type.String({ description: 'POST to it to begin anew' })),
      result: Type.Optional(Type.String({ description: 'What it made' })),
    }),
  },
  { $id: 'Job', description: 'A piece of background work' },
);
