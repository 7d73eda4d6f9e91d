import type { Test } from 'tap';
import type { Delivery } from '../../lib/notifications/delivery-row.js';
import type { Webhook } from '../../lib/webhooks/webhook.js';
import { type ListBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { eventually } from '../helpers/events.js';
import { hasty, workerPid } from '../helpers/faults.js';
import { picture } from '../helpers/pictures.js';
import { accept, hang, startReceiver } from '../helpers/receiver.js';
import { type ServiceOptions, startService } from '../helpers/service.js';

/** What must hold of messages whose worker is killed. */
export async function webhooksKilled(t: Test, options: ServiceOptions): Promise<void> {
  await t.test(
    'a worker dies while it delivers: the message comes again, and is recorded once',
    async (t) => {
      const receiver = await startReceiver(t, hang);
      const service = await startService(t, {
        ...options,
        env: { ...hasty, RESIZE_THREADS: '1', ALLOW_PRIVATE_HOSTS: 'true' },
      });
      const api = await openApi(service.url);
      const json = { url: receiver.url, events: ['image.created'] };
      const { body: webhook } = await api<Webhook>('/v1/webhooks', { method: 'POST', json });
      await upload(api, await picture(), {});
      const [first] = await receiver.received.length(1);
      receiver.answer = accept;
      process.kill(await workerPid(service), 'SIGKILL');
      const [, second] = await receiver.received.length(2);
      t.equal(second?.headers['webhook-id'], first?.headers['webhook-id']);
      t.equal(second?.body, first?.body);
      const done = await eventually(async () => {
        const { body } = await api<ListBody<Delivery>>(`/v1/webhooks/${webhook.id}/deliveries`);
        return body.data.every(({ state }) => state === 'completed') ? body.data : undefined;
      });
      t.match(done, [{ id: first?.headers['webhook-id'], state: 'completed', lastStatus: 204 }]);
      t.equal(done.length, 1);
      t.equal(receiver.received.items.length, 2);
    },
  );
}
