import type { IServerAdapter } from '@bull-board/api/typings/app';
import type { IQueueBackend, Queue } from 'bullmq';
import type { Logger } from '../logger.js';

/** Open queues that a board shows. */
export interface BoardQueues {
  /** Has a server show them. */
  show(server: IServerAdapter): Promise<void>;
  close(): Promise<void>;
}

/**
 * Queues for bull-board, which shows them and changes nothing: what is to happen to a job stands on its row,
 * and what operators do goes by `/v1/queues`.
 */
export function boardQueues<B extends IQueueBackend, C>(
  queues: readonly Queue<unknown, unknown, string, unknown, unknown, string, B, C>[],
  log: Logger,
): BoardQueues {
  for (const queue of queues) queue.on('error', (error) => log.warn({ err: error }, 'queue of the board'));
  return {
    show: async (serverAdapter) => {
      // Loaded here: who has no board does not pay for it.
      const { createBullBoard } = await import('@bull-board/api');
      const { BullMQAdapter } = await import('@bull-board/api/bullMQAdapter');
      createBullBoard({
        // Its type knows Redis alone; it takes queues of both backends (felixmosh/bull-board#1316).
        queues: queues.map((queue) => new BullMQAdapter(queue as unknown as Queue, { readOnlyMode: true })),
        serverAdapter,
        // It would know them by the names of connections, which on PostgreSQL they share: their beats tell (`/readyz`).
        options: { uiConfig: { boardTitle: 'Halftone', showWorkers: false } },
      });
    },
    close: async () => {
      await Promise.all(queues.map((queue) => queue.close()));
    },
  };
}
