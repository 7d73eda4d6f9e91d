import type { Export } from '../exports/export.js';
import type { Job } from '../jobs/job.js';

/** A message in words. */
export interface MailText {
  readonly subject: string;
  readonly text: string;
}

/** What people call a kind of work. */
const NOUNS: Readonly<Record<Job['type'], string>> = {
  resize: 'image job',
  export: 'export',
  batch: 'batch',
  import: 'import',
  notify: 'notification',
};

/**
 * Tells of the end of a job, in plain text.
 *
 * @param made the export that it made
 */
export function jobEndText(job: Job, made: Export | undefined): MailText {
  const lines = [
    `The ${NOUNS[job.type]} ${job.id} has ${ENDS[job.state]}.`,
    '',
    ...(made ? exportLines(made) : []),
    ...(job.result && 'members' in job.result ? memberLines(job.result.members) : []),
    ...(job.error ? [`Why: ${job.error.detail} (${job.error.code})`] : []),
    ...(made ? [`Download: ${made.url}`] : []),
    `More: ${job.links.result ?? job.links.self}`,
  ];
  return { subject: `Your ${NOUNS[job.type]} has ${ENDS[job.state]}`, text: `${lines.join('\n')}\n` };
}

const ENDS: Readonly<Record<Job['state'], string>> = {
  completed: 'been completed',
  failed: 'failed',
  cancelled: 'been cancelled',
  queued: 'been queued',
  active: 'been started',
};

function exportLines({ dataset, format, rows, bytes, expiresAt }: Export): string[] {
  return [
    `Contents: ${dataset} as ${format}, ${rows ?? 0} rows, ${bytes ?? 0} bytes`,
    ...(expiresAt === null ? [] : [`Kept until: ${expiresAt}`]),
  ];
}

function memberLines(members: Readonly<Record<'total' | 'completed' | 'failed' | 'cancelled', number>>) {
  const { total, completed, failed, cancelled } = members;
  return [`Jobs: ${total}, of which completed ${completed}, failed ${failed}, cancelled ${cancelled}`];
}

/** Tells the operator that a webhook was switched off. */
export function switchedOffText(webhookId: string, reason: string): MailText {
  return {
    subject: 'A webhook was switched off',
    text: `The webhook ${webhookId} was switched off: ${reason}\n\nMore: /v1/webhooks/${webhookId}\n`,
  };
}
