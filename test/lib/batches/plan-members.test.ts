import t from 'tap';
import { memberId, planMember } from '../../../lib/batches/plan-members.js';
import { isUuid, newId } from '../../../lib/ids.js';
import { resolveMany } from '../../../lib/renditions/plan.js';

const batchId = newId();
const facts = {
  contentType: 'image/jpeg',
  width: 400,
  height: 300,
  orientation: 1,
  hasAlpha: false,
  pages: 1,
  sha256: 'ab'.repeat(32),
};
const plan = {
  batchId,
  wanted: [{ options: { width: 20 }, path: 'renditions.0' }],
  maxOutputPixels: 1_000_000,
  resolve: resolveMany(),
  standing: new Map(),
};

t.test('ids of members are the same each time, all different, and sort by their place', async (t) => {
  const images = Array.from({ length: 10_000 }, () => newId());
  const ids = images.map((imageId, place) => memberId(batchId, imageId, place));
  t.same(
    images.map((imageId, place) => memberId(batchId, imageId, place)),
    ids,
  );
  t.equal(new Set(ids).size, ids.length);
  t.same([...ids].sort(), ids);
  t.ok(
    ids.every((id) => isUuid(id) && /^.{14}7.{4}[89ab]/.test(id)),
    'UUIDs of version 7',
  );
  t.ok(
    ids.every((id) => id.slice(0, 13) === batchId.slice(0, 13)),
    "of the batch's millisecond",
  );
  t.not(memberId(newId(), images[0] ?? '', 0), ids[0]);
});

t.test('what can not be made ends its member', async (t) => {
  const imageId = newId();
  t.match(planMember(plan, { imageId, ...facts }, 0), { imageId, end: undefined });
  t.match(planMember(plan, { imageId, sha256: null }, 0), {
    end: { state: 'failed', error: { code: 'IMAGE_NOT_FOUND' } },
  });
  const wanted = [{ options: { page: 3 }, path: 'renditions.0' }];
  t.match(planMember({ ...plan, wanted }, { imageId, ...facts }, 0), {
    end: { state: 'failed', error: { status: 422, errors: [{ path: 'renditions.0.page' }] } },
  });
});
